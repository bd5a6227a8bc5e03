"""A lake's files in a bucket: `s3://lake/here` of the service (moto) at the address in S3."""

import os


def client(service):
    import boto3

    keys = {"aws_access_key_id": "suite", "aws_secret_access_key": "not-secret", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=os.environ["S3"], **keys)


def put(lake):
    """All files of the lake, and no others; for everyone, since a statement holds no credentials."""
    s3 = client("s3")
    s3.create_bucket(Bucket="lake")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake"):
        for old in page.get("Contents", []):
            s3.delete_object(Bucket="lake", Key=old["Key"])
    for directory, _, files in os.walk(lake):
        for name in files:
            path = os.path.join(directory, name)
            s3.upload_file(path, "lake", f"here/{os.path.relpath(path, lake)}", {"ACL": "public-read"})
