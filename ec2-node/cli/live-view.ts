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
    this.#terminal.write(`${WRAP_OFF}${this.#erase()}${text(frame)}${WRAP_ON}`);
    this.#height = frame.length;
  }

  /** Writes lines above the frame, whole, to stay there: something to be read in peace, or copied. */
  note(lines: readonly string[]): void {
    this.#terminal.write(`${this.#erase()}${text(lines)}`);
    this.#height = 0;
    this.draw();
  }

  #erase(): string {
    const back = this.#height > 0 ? `\u001b[${this.#height}A\r` : "";
    return `${back}${CLEAR_BELOW}`;
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/**
 * What fits: the table whole, then the newest lines. One row stays free for the cursor.
 * @internal for tests
 */
export function frameLines(table: readonly string[], log: readonly string[], rows: number): string[] {
  const room = Math.max(1, (rows || USUAL_ROWS) - 1);
  const head = table.slice(0, room);
  const space = room - head.length - 1;
  return space < 1 || log.length === 0 ? [...head] : [...head, "", ...log.slice(-space)];
}
