export interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Bucket {
  readonly name: string;
  /** An account's id. */
  readonly owner: string;
  readonly region: string;
  readonly seenFrom: number;
  readonly objects: Map<string, StoredObject>;
  tags: Map<string, string> | null;
  isClosed: boolean;
}
