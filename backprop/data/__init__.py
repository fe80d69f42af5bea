"""What users pass, checked and cut into batches."""
