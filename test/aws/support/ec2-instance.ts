import type { Resource } from "./cloud-world.ts";

export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

export interface Device {
  readonly device: string;
  readonly sizeGb: number;
  readonly type: string;
  readonly isEncrypted: boolean;
  readonly deleteOnTermination: boolean;
}

/** What a request for an instance asks for, checked as far as the request alone can be. */
export interface Launch {
  readonly type: string;
  readonly imageId: string;
  readonly token: string | null;
  /** Null: one is made for it in the subnet, and goes with it. */
  readonly interfaceId: string | null;
  readonly subnetId: string | null;
  readonly keepsInterface: boolean;
  /** That the request insists on. */
  readonly zone: string | null;
  readonly profile: { readonly Name?: string | undefined; readonly Arn?: string | undefined } | null;
  readonly metadata: {
    readonly HttpTokens: "optional" | "required";
    readonly HttpPutResponseHopLimit: number;
  };
  /** Decoded. */
  readonly userData: string;
  readonly devices: readonly Device[];
  readonly instanceTags: Map<string, string>;
  readonly volumeTags: ReadonlyMap<string, string>;
}

export interface Instance extends Resource, Launch {
  readonly interfaceId: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly launchedAt: number;
  state: InstanceState;
  /** When it last came to run. */
  runningAt: number;
  /** `Server.InternalError: …` and the like. */
  stateReason: { readonly Code: string; readonly Message: string } | null;
  console: string;
}

/** What becomes of a launch, if not what it should. */
export interface Fate {
  readonly afterMs: number;
  readonly code: string;
  readonly message: string;
}
