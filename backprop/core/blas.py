"""Whether users have chosen the number of BLAS threads themselves."""

import os

SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables by which they do."""

CHOSEN = any(os.environ.get(name) for name in SETTINGS)
"""Whether they did, when BLAS read the variables, which is when NumPy was imported."""
