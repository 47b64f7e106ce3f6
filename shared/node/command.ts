/** What a state machine is asked to do, as the log carries it. */
export interface Command<Result = unknown> {
  /** How the state machine reads `bytes`. 1 is a text in UTF-8; further numbers are the state machine's own. */
  readonly schema: number;
  readonly bytes: Uint8Array;
  /** Never set: it tells the compiler what the state machine returns for this command. */
  readonly result?: Result;
}

/** A command that a person can read. */
export interface TextCommand<Result = unknown> extends Command<Result> {
  readonly name: string;
}
