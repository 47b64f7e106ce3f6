import { RaftLiteError } from "../errors.ts";

const LONGEST_NAME = 256;

/** Reads the fields of a message that came from outside; every refusal names the field and what it should be. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;

  private constructor(values: Readonly<Record<string, unknown>>, where: string) {
    this.#values = values;
    this.#where = where;
  }

  /** `where` names the object in an error: "the message", "entry 3". */
  static of(value: unknown, where: string): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw badMessage(`${where} must be an object`);
    }
    return new Fields(value as Record<string, unknown>, where);
  }

  /** The same object with one field set. */
  with(name: string, value: unknown): Fields {
    return new Fields({ ...this.#values, [name]: value }, this.#where);
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** A whole number from 0 to 2^53 - 1: indexes, terms, counts, milliseconds. */
  count(name: string): number {
    const value = this.#values[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw this.#wrong(name, "a whole number from 0");
    }
    return value;
  }

  countOr(name: string, absent: number): number {
    return this.has(name) ? this.count(name) : absent;
  }

  countOrNull(name: string): number | null {
    return this.#values[name] === null ? null : this.count(name);
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false");
    return value;
  }

  booleanOr(name: string, absent: boolean): boolean {
    return this.has(name) ? this.boolean(name) : absent;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== "string") throw this.#wrong(name, "text");
    return value;
  }

  /** The name of somebody or something, which errors and log lines repeat: none of ours is as long as it may be. */
  name(name: string): string {
    const text = this.text(name);
    if (text.length > LONGEST_NAME) throw this.#wrong(name, `text of at most ${LONGEST_NAME} characters`);
    return text;
  }

  nameOrNull(name: string): string | null {
    return this.#values[name] === null ? null : this.name(name);
  }

  textOrNull(name: string): string | null {
    return this.#values[name] === null ? null : this.text(name);
  }

  textOr(name: string, absent: string): string {
    return this.has(name) ? this.text(name) : absent;
  }

  list(name: string): readonly unknown[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) throw this.#wrong(name, "a list");
    return value;
  }

  object(name: string): Fields {
    const value = this.#values[name];
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#wrong(name, "an object");
    return new Fields(value as Record<string, unknown>, `${name} of ${this.#where}`);
  }

  #wrong(name: string, wanted: string): RaftLiteError {
    const problem = this.has(name) ? `must be ${wanted}` : `is missing: ${wanted}`;
    return badMessage(`field "${name}" of ${this.#where} ${problem}`);
  }
}

export function badMessage(message: string): RaftLiteError {
  return new RaftLiteError("bad-message", message, { status: 400 });
}
