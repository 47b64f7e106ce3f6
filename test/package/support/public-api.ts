import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ClassElement, Declaration, ParamPattern, Statement, TSSignature } from "oxc-parser";
import { parseSync } from "oxc-parser";

/**
 * What a program sees of the package: every name that an entry exports, what it is, and which members it has. `?` marks
 * what may be left out.
 */
export function publicApi(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, file]) => `${name}\n${exportsOf(file).join("")}`)
    .join("\n");
}

/** The file of each entry in the sources, by the name under which programs import it. */
export function entryFiles(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([path, target]) =>
      typeof target === "string"
        ? []
        : [[join("raft-lite", path), target.default.replace(/^\.\/dist\/(.*)\.js$/, "$1.ts")]],
    ),
  );
}

function exportsOf(file: string): string[] {
  const lines = parse(file).flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration" || statement.source === null) {
      throw new Error(`${file} holds more than exports of other files: ${statement.type}`);
    }
    const from = join(dirname(file), statement.source.value);
    const isType = statement.exportKind === "type";
    return statement.specifiers.map(({ exported }) => {
      if (exported.type !== "Identifier") throw new Error(`${file} exports a name that is no identifier`);
      const { name } = exported;
      return { name, line: describe(name, declarationIn(from, name), isType) };
    });
  });
  const byName = lines.sort((a, b) => (a.name < b.name ? -1 : 1));
  return byName.map(({ line }) => `  ${line}\n`);
}

function parse(file: string): Statement[] {
  return parseSync(file, readFileSync(file, "utf8")).program.body as Statement[];
}

function declarationIn(file: string, name: string): Declaration {
  for (const statement of parse(file)) {
    if (statement.type !== "ExportNamedDeclaration" || !statement.declaration) continue;
    const { declaration } = statement;
    if (declaredName(declaration) === name) return declaration;
  }
  throw new Error(`${file} declares no ${name}`);
}

function declaredName(declaration: Declaration): string | undefined {
  if (declaration.type === "VariableDeclaration") {
    const id = declaration.declarations[0]?.id;
    return id?.type === "Identifier" ? id.name : undefined;
  }
  return "id" in declaration && declaration.id?.type === "Identifier" ? declaration.id.name : undefined;
}

/** `isType`: only the type of a class is exported, and nobody outside makes one. */
function describe(name: string, declaration: Declaration, isType: boolean): string {
  switch (declaration.type) {
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      return `function ${name}(${declaration.params.map(parameterName).join(", ")})`;
    case "ClassDeclaration":
      return withMembers(
        `${isType ? "type of class" : "class"} ${name}`,
        declaration.body.body.flatMap(classMember),
      );
    case "TSInterfaceDeclaration":
      return withMembers(`interface ${name}`, declaration.body.body.flatMap(signature));
    case "TSTypeAliasDeclaration":
      return `type ${name}`;
    case "VariableDeclaration":
      return `const ${name}`;
    default:
      throw new Error(`${name} is a ${declaration.type}`);
  }
}

function withMembers(what: string, members: readonly string[]): string {
  // Overloads are one member.
  return members.length === 0 ? what : `${what}: ${[...new Set(members)].join(" ")}`;
}

function classMember(element: ClassElement): string[] {
  if (element.type === "StaticBlock" || element.type === "TSIndexSignature") return [];
  const { key, accessibility } = element;
  if (key.type !== "Identifier" || accessibility === "private" || accessibility === "protected") return [];
  if (element.type === "MethodDefinition" && element.kind === "constructor") return [];
  return [`${element.static ? "static " : ""}${key.name}${element.optional ? "?" : ""}`];
}

function signature(member: TSSignature): string[] {
  if (member.type !== "TSPropertySignature" && member.type !== "TSMethodSignature") return [];
  return member.key.type === "Identifier" ? [`${member.key.name}${member.optional ? "?" : ""}`] : [];
}

function parameterName(parameter: ParamPattern): string {
  switch (parameter.type) {
    case "Identifier":
      return `${parameter.name}${parameter.optional ? "?" : ""}`;
    case "AssignmentPattern":
      return parameter.left.type === "Identifier" ? `${parameter.left.name}?` : "…?";
    case "RestElement":
      return "...";
    default:
      return "…";
  }
}
