/** What a live view draws on: the part of a terminal's stream that it uses. */
export interface Terminal {
  readonly rows: number;
  write(text: string): unknown;
}

const CLEAR_BELOW = "\u001b[J";
/** While a frame is drawn the terminal cuts long lines: a wrapped one would shift all that is redrawn above it. */
const WRAP_OFF = "\u001b[?7l";
const WRAP_ON = "\u001b[?7h";
/** Of a terminal that does not know its size. */
const USUAL_ROWS = 24;
/** Lines kept while no frame is drawn; more than any terminal shows. */
const MOST_LINES = 500;

/** A table that is redrawn in place, with the newest lines of a log below it. Lines come without control characters. */
export class LiveView {
  readonly #terminal: Terminal;
  #table: readonly string[] = [];
  #log: string[] = [];
  /** Lines of the frame that is on the screen; the cursor stands below its last one. */
  #height = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  setTable(table: readonly string[]): void {
    this.#table = table;
  }

  addLine(line: string): void {
    this.#log.push(line);
    if (this.#log.length > MOST_LINES) this.#log = this.#log.slice(-MOST_LINES);
  }

  /** Draws table and log over the frame before. */
  draw(): void {
    const frame = frameLines(this.#table, this.#log, this.#terminal.rows);
    const back = this.#height > 0 ? `\u001b[${this.#height}A\r` : "";
    const lines = frame.map((line) => `${line}\n`).join("");
    this.#terminal.write(`${WRAP_OFF}${back}${CLEAR_BELOW}${lines}${WRAP_ON}`);
    this.#height = frame.length;
  }
}

/** What fits: the table whole, then the newest lines. One row stays free for the cursor. */
export function frameLines(table: readonly string[], log: readonly string[], rows: number): string[] {
  const room = Math.max(1, (rows || USUAL_ROWS) - 1);
  const head = table.slice(0, room);
  const space = room - head.length - 1;
  return space < 1 || log.length === 0 ? [...head] : [...head, "", ...log.slice(-space)];
}
