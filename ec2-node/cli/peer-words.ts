/**
 * Takes the words that follow `--peers` to be part of its value, up to the next flag: the lab's own command line has
 * a space after the comma (`--peers h:p, h:p`), which the shell makes two words of. `node` takes no words of its
 * own, so a mistyped peer among them is then reported as what it is.
 */
export function joinPeerWords(argv: readonly string[]): string[] {
  const joined: string[] = [];
  let open = false;
  for (const word of argv) {
    if (open && !word.startsWith("-")) {
      const value = joined.pop();
      joined.push(value === "--peers" ? `--peers=${word}` : `${value} ${word}`);
    } else {
      joined.push(word);
      open = word === "--peers" || word.startsWith("--peers=");
    }
  }
  return joined;
}
