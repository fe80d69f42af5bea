"""What every other part stands on: types, errors, parameters, stable mathematics, threads."""
