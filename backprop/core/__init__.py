"""What all other rooms build on: types, errors, checks, buffers, parameters, stable mathematics."""
