"""A live directory: watched for hints, read until it holds still."""
