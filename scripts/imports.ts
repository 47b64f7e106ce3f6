import { parseSync, Visitor } from "oxc-parser";

export interface Import {
  /** As written; undefined for an `import()` of something computed. */
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  readonly line: number;
  /** Where the specifier ends, its closing quote included. */
  readonly end: number;
}

/** Everything in a file that names another module, `import("…").Type` within types included, in the order of its text. */
export function importsOf(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source);
  const error = errors[0];
  if (error !== undefined) throw new SyntaxError(`${file}: ${error.message}`);
  const found: Import[] = [];
  const add = (
    node: { start: number },
    from: { end: number },
    specifier: string | undefined,
    typeOnly: boolean,
  ) => {
    const line = source.slice(0, node.start).split("\n").length;
    found.push({ specifier, typeOnly, line, end: from.end });
  };

  new Visitor({
    ImportDeclaration: (node) => add(node, node.source, node.source.value, node.importKind === "type"),
    ExportAllDeclaration: (node) => add(node, node.source, node.source.value, node.exportKind === "type"),
    ExportNamedDeclaration: (node) => {
      if (node.source) add(node, node.source, node.source.value, node.exportKind === "type");
    },
    ImportExpression: (node) => {
      const { source: from } = node;
      const isText = from.type === "Literal" && typeof from.value === "string";
      add(node, from, isText ? String(from.value) : undefined, false);
    },
    TSImportType: (node) => add(node, node.source, node.source.value, true),
  }).visit(program);
  return found;
}
