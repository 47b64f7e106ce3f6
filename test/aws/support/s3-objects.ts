import { createHash } from "node:crypto";
import type {
  DeleteObjectsCommandInput,
  DeleteObjectsCommandOutput,
  HeadObjectCommandInput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  ListObjectVersionsCommandInput,
  ListObjectVersionsCommandOutput,
  PutObjectCommandInput,
  PutObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { NotModelled, refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Operations } from "./operation.ts";
import { onlyKeys, operation } from "./operation.ts";
import type { Bucket } from "./s3-bucket.ts";

type Find = (
  input: { Bucket: string | undefined; ExpectedBucketOwner?: string | undefined },
  isHead?: boolean,
) => Bucket;

/** What is in buckets. Pages hold one key, so that a caller that forgets the rest is seen. */
export function s3Objects(world: CloudWorld, find: Find): Operations {
  const described = (bucket: Bucket, key: string) => {
    const { body, etag } = bucket.objects.get(key)!;
    return {
      Key: key,
      Size: body.length,
      ETag: etag,
      LastModified: world.iso(world.now),
      StorageClass: "STANDARD" as const,
    };
  };
  const keysAfter = (bucket: Bucket, prefix: string | undefined, after: string | undefined) =>
    [...bucket.objects.keys()]
      .toSorted()
      .filter((key) => key.startsWith(prefix ?? "") && (after === undefined || key > after));

  return {
    PutObject: operation<PutObjectCommandInput, PutObjectCommandOutput>(
      ["Bucket", "Key", "Body"],
      [
        "ContentType",
        "ContentLength",
        "ChecksumSHA256",
        "ChecksumAlgorithm",
        "Metadata",
        "ServerSideEncryption",
        "ExpectedBucketOwner",
        "Tagging",
        "IfNoneMatch",
      ],
      (input) => {
        const bucket = find(input);
        if (typeof input.Body !== "string" && !(input.Body instanceof Uint8Array))
          throw new NotModelled("a body that is a stream");
        const body = Buffer.from(input.Body as Uint8Array);
        const hash = createHash("sha256").update(body).digest("base64");
        if (input.ChecksumSHA256 !== undefined && input.ChecksumSHA256 !== hash) {
          throw refusal("s3", "BadDigest", "The SHA256 you specified did not match the calculated checksum.");
        }
        if (input.IfNoneMatch === "*" && bucket.objects.has(input.Key!)) {
          throw refusal(
            "s3",
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
            412,
          );
        }
        const etag = `"${createHash("md5").update(body).digest("hex")}"`;
        bucket.objects.set(input.Key!, { body, etag, metadata: input.Metadata ?? {} });
        return { ETag: etag };
      },
    ),

    HeadObject: operation<HeadObjectCommandInput, HeadObjectCommandOutput>(
      ["Bucket", "Key"],
      ["ExpectedBucketOwner", "ChecksumMode"],
      (input) => {
        const found = find(input, true).objects.get(input.Key!);
        if (found === undefined) throw refusal("s3", "NotFound", "UnknownError", 404);
        return { ContentLength: found.body.length, ETag: found.etag, Metadata: { ...found.metadata } };
      },
    ),

    ListObjectsV2: operation<ListObjectsV2CommandInput, ListObjectsV2CommandOutput>(
      ["Bucket"],
      ["Prefix", "ContinuationToken", "MaxKeys", "ExpectedBucketOwner"],
      (input) => {
        const bucket = find(input);
        const keys = keysAfter(bucket, input.Prefix, input.ContinuationToken?.slice("after ".length));
        const shown = keys.slice(0, 1);
        const isTruncated = keys.length > shown.length;
        return {
          Name: bucket.name,
          KeyCount: shown.length,
          IsTruncated: isTruncated,
          // An empty list is no list.
          ...(shown.length > 0 ? { Contents: shown.map((key) => described(bucket, key)) } : {}),
          ...(isTruncated ? { NextContinuationToken: `after ${shown.at(-1)}` } : {}),
        };
      },
    ),

    ListObjectVersions: operation<ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput>(
      ["Bucket"],
      ["Prefix", "KeyMarker", "VersionIdMarker", "MaxKeys", "ExpectedBucketOwner"],
      (input) => {
        const bucket = find(input);
        const keys = keysAfter(bucket, input.Prefix, input.KeyMarker);
        const shown = keys.slice(0, 1);
        const isTruncated = keys.length > shown.length;
        return {
          Name: bucket.name,
          IsTruncated: isTruncated,
          ...(shown.length > 0
            ? {
                Versions: shown.map((key) => ({
                  ...described(bucket, key),
                  VersionId: "null",
                  IsLatest: true,
                })),
              }
            : {}),
          ...(isTruncated ? { NextKeyMarker: shown.at(-1)!, NextVersionIdMarker: "null" } : {}),
        };
      },
    ),

    DeleteObjects: operation<DeleteObjectsCommandInput, DeleteObjectsCommandOutput>(
      ["Bucket", "Delete"],
      ["ExpectedBucketOwner"],
      (input) => {
        const bucket = find(input);
        onlyKeys("Delete", input.Delete!, ["Objects", "Quiet"]);
        const asked = input.Delete!.Objects ?? [];
        if (asked.length === 0 || asked.length > 1000) {
          throw refusal(
            "s3",
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
          );
        }
        for (const object of asked) {
          onlyKeys("Objects", object, ["Key", "VersionId"]);
          if (object.VersionId === undefined || object.VersionId === "null")
            bucket.objects.delete(object.Key!);
        }
        // What is not there counts as deleted.
        return input.Delete!.Quiet === true ? {} : { Deleted: asked.map(({ Key }) => ({ Key })) };
      },
    ),
  };
}
