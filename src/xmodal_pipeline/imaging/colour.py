"""Temporary."""
import numpy as np
import pandas as pd
def colour_rows(capture, capture_id, specimen_id, layout, units, patches):
    rows=[]
    for modality, bands, mask, names in (("rgb",capture.rgb,capture.rgb_mask,layout.rgb),("uv",capture.uv,capture.uv_mask,layout.uv)):
        for band, name in zip(bands, names):
            v=band[mask]; q=np.quantile(v,[.05,.25,.5,.75,.95])
            rows.append(dict(capture_id=capture_id,specimen_id=specimen_id,patch="specimen",modality=modality,band=name,mean=float(v.mean()),sd=float(v.std()),q05=q[0],q25=q[1],q50=q[2],q75=q[3],q95=q[4],n_px=int(mask.sum()),units=units))
    return rows
def colour_features(t):
    out=[]
    for m in ("rgb","uv"):
        w=t[t.modality==m].pivot_table(index=["specimen_id","capture_id"],columns="band",values=["mean","sd"])
        w.columns=[f"{a}_{b}" for a,b in w.columns]
        out.append(w.groupby("specimen_id").mean())
    return tuple(out)
