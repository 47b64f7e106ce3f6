import type {
  CreateBucketCommandInput,
  CreateBucketCommandOutput,
  DeleteBucketCommandInput,
  DeleteBucketCommandOutput,
  GetBucketTaggingCommandInput,
  GetBucketTaggingCommandOutput,
  HeadBucketCommandInput,
  HeadBucketCommandOutput,
  PutBucketTaggingCommandInput,
  PutBucketTaggingCommandOutput,
  PutPublicAccessBlockCommandInput,
  PutPublicAccessBlockCommandOutput,
} from "@aws-sdk/client-s3";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Operations } from "./operation.ts";
import { onlyKeys, operation } from "./operation.ts";
import type { Bucket } from "./s3-bucket.ts";
import { s3Objects } from "./s3-objects.ts";

/** Simple Storage Service: names are one for all accounts. */
export class S3Service {
  readonly buckets = new Map<string, Bucket>();
  readonly operations: Operations;

  readonly #world: CloudWorld;

  constructor(world: CloudWorld) {
    this.#world = world;
    this.operations = {
      ...this.#operations,
      ...s3Objects(world, (input, isHead) => this.#get(input, isHead)),
    };
  }

  /** One of somebody else's, or one that was there before. */
  addBucket(name: string, owner: string, region = this.#world.region): Bucket {
    const made: Bucket = { name, owner, region, seenFrom: 0, objects: new Map(), tags: null, isClosed: true };
    this.buckets.set(name, made);
    return made;
  }

  /** The bucket of a request, or what S3 answers where it is not there, not ours, or elsewhere. */
  #get(
    input: { Bucket: string | undefined; ExpectedBucketOwner?: string | undefined },
    isHead = false,
  ): Bucket {
    const found = this.buckets.get(input.Bucket!);
    if (found === undefined || this.#world.now < found.seenFrom) {
      if (isHead) throw refusal("s3", "NotFound", "UnknownError", 404);
      throw refusal("s3", "NoSuchBucket", "The specified bucket does not exist", 404);
    }
    const isForeign = found.owner !== this.#world.account;
    if (isForeign || (input.ExpectedBucketOwner !== undefined && input.ExpectedBucketOwner !== found.owner)) {
      if (isHead) throw refusal("s3", "403", "UnknownError", 403);
      throw refusal("s3", "AccessDenied", "Access Denied", 403);
    }
    if (found.region !== this.#world.region) {
      if (isHead) throw refusal("s3", "301", "UnknownError", 301);
      throw refusal(
        "s3",
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.",
        301,
      );
    }
    return found;
  }

  readonly #operations: Operations = {
    CreateBucket: operation<CreateBucketCommandInput, CreateBucketCommandOutput>(
      ["Bucket"],
      ["CreateBucketConfiguration", "ObjectOwnership"],
      (input) => {
        const name = input.Bucket!;
        const configuration = input.CreateBucketConfiguration ?? {};
        onlyKeys("CreateBucketConfiguration", configuration, ["LocationConstraint", "Tags"]);
        if (
          !/^(?!xn--|sthree-)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/.test(name) ||
          name.endsWith("-s3alias")
        ) {
          throw refusal("s3", "InvalidBucketName", "The specified bucket is not valid.");
        }
        const place = configuration.LocationConstraint as string | undefined;
        const isFirst = this.#world.region === "us-east-1";
        if (isFirst && place === "us-east-1") {
          throw refusal("s3", "InvalidLocationConstraint", "The specified location-constraint is not valid");
        }
        if (place !== undefined ? place !== this.#world.region : !isFirst) {
          throw refusal(
            "s3",
            "IllegalLocationConstraintException",
            `The ${place ?? "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
          );
        }
        const known = this.buckets.get(name);
        if (known !== undefined && known.owner !== this.#world.account) {
          throw refusal("s3", "BucketAlreadyExists", "The requested bucket name is not available.", 409);
        }
        // Once more is no error in the first region, for the sake of old programs.
        if (known !== undefined && !isFirst) {
          throw refusal(
            "s3",
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
            409,
          );
        }
        if (known === undefined) {
          const [from, to] = this.#world.pace.seenMs;
          const seenFrom = this.#world.now + this.#world.random.between(from, to);
          const tags = configuration.Tags === undefined ? null : tagMap(configuration.Tags);
          this.buckets.set(name, { ...this.addBucket(name, this.#world.account), seenFrom, tags });
        }
        return { Location: `/${name}` };
      },
    ),

    HeadBucket: operation<HeadBucketCommandInput, HeadBucketCommandOutput>(
      ["Bucket"],
      ["ExpectedBucketOwner"],
      (input) => ({ BucketRegion: this.#get(input, true).region }),
    ),

    GetBucketTagging: operation<GetBucketTaggingCommandInput, GetBucketTaggingCommandOutput>(
      ["Bucket"],
      ["ExpectedBucketOwner"],
      (input) => {
        const { tags } = this.#get(input);
        if (tags === null) throw refusal("s3", "NoSuchTagSet", "The TagSet does not exist", 404);
        return { TagSet: [...tags].map(([Key, Value]) => ({ Key, Value })) };
      },
    ),

    PutBucketTagging: operation<PutBucketTaggingCommandInput, PutBucketTaggingCommandOutput>(
      ["Bucket", "Tagging"],
      ["ExpectedBucketOwner"],
      (input) => {
        this.#get(input).tags = tagMap(input.Tagging!.TagSet ?? []);
        return {};
      },
    ),

    PutPublicAccessBlock: operation<PutPublicAccessBlockCommandInput, PutPublicAccessBlockCommandOutput>(
      ["Bucket", "PublicAccessBlockConfiguration"],
      ["ExpectedBucketOwner"],
      (input) => {
        const wanted = input.PublicAccessBlockConfiguration!;
        onlyKeys("PublicAccessBlockConfiguration", wanted, [
          "BlockPublicAcls",
          "IgnorePublicAcls",
          "BlockPublicPolicy",
          "RestrictPublicBuckets",
        ]);
        this.#get(input).isClosed = Object.values(wanted).every((value) => value === true);
        return {};
      },
    ),

    DeleteBucket: operation<DeleteBucketCommandInput, DeleteBucketCommandOutput>(
      ["Bucket"],
      ["ExpectedBucketOwner"],
      (input) => {
        const found = this.#get(input);
        if (found.objects.size > 0) {
          throw refusal("s3", "BucketNotEmpty", "The bucket you tried to delete is not empty", 409);
        }
        this.buckets.delete(found.name);
        return {};
      },
    ),
  };
}

function tagMap(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Map<string, string> {
  return new Map(tags.map(({ Key, Value }) => [Key!, Value!]));
}
