"""Temporary."""
def capture_quality(capture, layout, params, *, ceiling):
    rows=[]
    for modality, bands, mask, names in (("rgb",capture.rgb,capture.rgb_mask,layout.rgb),("uv",capture.uv,capture.uv_mask,layout.uv)):
        for band, name in zip(bands, names):
            v=band[mask]
            rows.append(dict(modality=modality,band=name,mean=float(v.mean()),sd=float(v.std()),min=float(v.min()),max=float(v.max()),saturated_share=0.0,snr=10.0,below_zero_share=0.0,above_one_share=0.0,focus=1.0,flags=""))
    return rows, ()
