"""The shift between two planes of edges, by cross-correlation, to a small part of a pixel."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from xmodal_pipeline.imaging.structure import Plane

_UPSAMPLING = 10
"""Grid points per pixel around the peak; a parabola through three of them does the rest."""


class Shift(NamedTuple):
    """How far the second plane lies to the right of and below the first."""

    dx_px: float
    dy_px: float

    @property
    def length_px(self) -> float:
        """Euclidean length."""
        return float(np.hypot(self.dx_px, self.dy_px))


def hann_window(shape: tuple[int, int]) -> Plane:
    """(height, width) window that falls to zero at the frame, so that the frame itself has no edge."""
    rows, columns = (np.hanning(size + 2)[1:-1] for size in shape)
    return np.outer(rows, columns).astype(np.float32)


def find_shift(first: Plane, second: Plane, window: Plane, *, limit_px: float) -> Shift:
    """Shift of `second` relative to `first` where their windowed cross-correlation peaks.

    Planes are centred before windowing: otherwise the window, which is the same for both, would
    correlate with itself and claim a shift of zero.

    Args:
        first: edge strength of RGB.
        second: edge strength of UV, same shape.
        window: weight of each pixel, same shape, 0 to 1.
        limit_px: shifts beyond this in x or y are not considered.

    References:
        Guizar-Sicairos et al., Efficient subpixel image registration, Opt. Lett. 33 (2008) 156-158:
        the peak refined by a matrix Fourier transform. Not normalised: phase correlation follows noise.
    """
    height, width = (int(fft.next_fast_len(size, real=True)) for size in first.shape)
    spectrum = np.conj(fft.rfft2(_windowed(first, window), s=(height, width)))
    spectrum *= fft.rfft2(_windowed(second, window), s=(height, width))
    surface = fft.irfft2(spectrum, s=(height, width))
    reach_y, reach_x = (int(min(np.ceil(limit_px), size // 2 - 1)) for size in (height, width))
    near = np.roll(surface, (reach_y, reach_x), axis=(0, 1))[: 2 * reach_y + 1, : 2 * reach_x + 1]
    row, column = np.unravel_index(int(np.argmax(near)), near.shape)
    return _refined_peak(spectrum, (height, width), int(row) - reach_y, int(column) - reach_x)


def _windowed(plane: Plane, window: Plane) -> Plane:
    centred = plane - np.float32(np.vdot(plane, window) / window.sum())
    centred *= window
    return centred


def _refined_peak(
    spectrum: NDArray[np.complexfloating], shape: tuple[int, int], row: int, column: int
) -> Shift:
    offsets = np.arange(-_UPSAMPLING, _UPSAMPLING + 1) / _UPSAMPLING
    rows, columns = row + offsets, column + offsets
    # A real transform holds half of the columns' frequencies: all but the first (and an even length's
    # last) stand for two.
    frequencies = fft.rfftfreq(shape[1])
    weight = np.where((frequencies == 0) | (frequencies == 0.5), 1.0, 2.0)
    left = np.exp(2j * np.pi * np.outer(rows, fft.fftfreq(shape[0]))).astype(np.complex64)
    right = (np.exp(2j * np.pi * np.outer(frequencies, columns)) * weight[:, None]).astype(np.complex64)
    fine = (left @ spectrum @ right).real
    i, j = (int(index) for index in np.unravel_index(int(np.argmax(fine)), fine.shape))
    return Shift(
        float(columns[j]) + _vertex(fine[i, :], j) / _UPSAMPLING,
        float(rows[i]) + _vertex(fine[:, j], i) / _UPSAMPLING,
    )


def _vertex(values: NDArray[np.floating], peak: int) -> float:
    """Where the parabola through the peak and its neighbours is highest, relative to the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, here, after = (float(values[peak + step]) for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0
