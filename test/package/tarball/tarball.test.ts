import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { importsOf } from "../../../scripts/imports.ts";
import { call, post } from "../../process/support/http.ts";
import { CHECKOUT, test } from "../../process/support/lab.ts";
import { until } from "../../process/support/until.ts";
import { entryFiles } from "../support/public-api.ts";
import { exerciseTally } from "../support/tally-cluster.ts";
import { DeployedWorker } from "./deployed-worker.ts";
import { Project, RUNTIME_NAMES, run } from "./project.ts";

/** The package as programs get it: packed, and installed in an empty project. */

let project: Project;

beforeAll(() => {
  project = new Project();
}, 300_000);

afterAll(() => project?.dispose());

const entries = Object.keys(entryFiles());
const tool = (name: string) => join(CHECKOUT, "node_modules/.bin", name);
const BUNDLE = "dist/ec2-node/aws/bundle";
const PLATFORM_TYPES = join(CHECKOUT, "node_modules/@cloudflare/workers-types");

describe("what is in it", () => {
  const installed = () => join(project.directory, "node_modules/raft-lite");
  const files = () =>
    globSync("**/*", { cwd: installed() })
      .map((file) => file.split(sep).join("/"))
      .filter((file) => statSync(join(installed(), file)).isFile());

  test("is what runs, what describes it, and nothing else", () => {
    const places = new Set(files().map((file) => file.replace(/\/.*/, "/")));
    expect([...places].sort()).toEqual(["LICENSE", "README.md", "bin/", "dist/", "docs/", "package.json"]);
    const kinds = new Set(files().map((file) => /(\.d\.ts|\.[a-z]+|[A-Z]+|[a-z]+)$/.exec(file)?.[0]));
    expect([...kinds].sort()).toEqual([".d.ts", ".gz", ".js", ".json", ".md", "LICENSE", "boot", "fetch"]);
    expect(files().filter((file) => /(^|\/)(test|bench|scripts|examples)\//.test(file))).toEqual([]);
  });

  test("is small", () => {
    const unpacked = files().reduce((sum, file) => sum + statSync(join(installed(), file)).size, 0);
    const packed = statSync(project.tarball).size;
    console.log(`${files().length} files, ${packed} bytes packed, ${unpacked} bytes unpacked`);
    expect(packed).toBeLessThan(800_000);
    expect(unpacked).toBeLessThan(2_250_000);
  });

  test("names no file that is not there", () => {
    const compiled = files().filter((file) => /^dist\/.*\.[jt]s$/.test(file));
    const missing = compiled.flatMap((file) =>
      importsOf(file, readFileSync(join(installed(), file), "utf8")).flatMap(({ specifier }) => {
        if (!specifier?.startsWith(".")) return [];
        const target = join(dirname(file), specifier);
        // A compiler reads declarations beside the JavaScript that declarations name.
        const wanted = file.endsWith(".d.ts") ? [target, target.replace(/\.js$/, ".d.ts")] : [target];
        return wanted.every((path) => compiled.includes(path)) ? [] : [`${file} names ${specifier}`];
      }),
    );
    expect(missing).toEqual([]);
    expect(compiled.length).toBeGreaterThan(300);
  });

  test("depends on three packages, and these on none, where what is optional is left out", () => {
    const packages = globSync("node_modules/*", { cwd: project.directory })
      .map((path) => relative("node_modules", path))
      .sort();
    expect(packages).toEqual(["commander", "itty-router", "raft-lite", "srvx"]);
  });

  const ec2 = (directory: string) => {
    const env = { ...process.env, AWS_ENDPOINT_URL: "http://127.0.0.1:1", AWS_REGION: "us-east-1" };
    const credentials = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" };
    const { status, stderr } = spawnSync("npx", ["raft-lite", "ec2", "status"], {
      cwd: directory,
      env: { ...env, ...credentials },
      encoding: "utf8",
    });
    return { status, said: stderr.split("\n").filter((line) => line.startsWith("raft-lite: ")) };
  };

  test("has the AWS SDK as an optional dependency, which `ec2` asks for", () => {
    expect(ec2(project.directory)).toEqual({
      status: 1,
      said: [expect.stringMatching(/^raft-lite: the AWS SDK is not installed \(@aws-sdk\/client-ec2\)/)],
    });
    expect(ec2(project.withOptional())).toEqual({
      status: 1,
      said: ["raft-lite: cannot reach AWS in us-east-1: nobody listens there"],
    });
  });

  test("is as publint and are-the-types-wrong want it", () => {
    run(tool("publint"), ["run", "--strict", project.tarball], project.home);
    // ESM alone: a CommonJS program of Node 22.12 or newer requires it as it is.
    run(tool("attw"), [project.tarball, "--profile", "esm-only"], project.home);
  });
});

describe("its types", () => {
  const source = entries.map((name, at) => `export * as entry${at} from "${name}";\n`).join("");
  const check = (name: string, options: object) => {
    project.write("every-entry.ts", source);
    const compilerOptions = { noEmit: true, strict: true, target: "es2022", types: [], ...options };
    project.write(name, JSON.stringify({ compilerOptions, files: ["every-entry.ts"] }));
    run(tool("tsc"), ["-p", name], project.directory);
  };

  test.each([
    ["nodenext", { module: "nodenext" }],
    ["bundler", { module: "preserve", moduleResolution: "bundler" }],
  ])("check in a browser's, a Worker's and a server's project (%s)", (name, how) => {
    check(`${name}-dom.json`, { ...how, lib: ["ES2022", "DOM"] });
    check(`${name}-worker.json`, { ...how, lib: ["ES2022", "WebWorker"] });
    const typeRoots = [join(CHECKOUT, "node_modules/@types")];
    // With the platform's own types, which redefine fetch and its like.
    check(`${name}-platform.json`, { ...how, lib: ["ES2024"], types: [PLATFORM_TYPES] });
    check(`${name}-node.json`, { ...how, lib: ["ES2023"], types: ["node"], typeRoots });
  });

  test("carry the program's own from a command to its result", () => {
    project.write(
      "typed.ts",
      `import { defineStateMachine } from "raft-lite";
       import { startNode } from "raft-lite/node-host";
       const counter = defineStateMachine({
         initial: () => ({ count: 0 }),
         commands: { add: (state, by: number) => (state.count += by) },
       });
       const node = await startNode({ id: "A", dataDir: "d", stateMachine: counter.create() });
       const sum: number = (await node.execute(counter.commands.add(1))).result;
       const read: number = await node.read(({ state }) => state.count);
       // @ts-expect-error
       const wrong: string = (await node.execute(counter.commands.add(1))).result;
       // @ts-expect-error
       counter.commands.add("1");
       export { read, sum, wrong };`,
    );
    const compilerOptions = { noEmit: true, strict: true, target: "es2022", module: "nodenext", types: [] };
    project.write("typed.json", JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
    run(tool("tsc"), ["-p", "typed.json"], project.directory);
  });
});

test("what the documents show compiles", () => {
  const typeRoots = [join(CHECKOUT, "node_modules/@types")];
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: "es2022",
    module: "nodenext",
    types: ["node"],
  };
  const files = ["README.md", "docs/embedding.md"].map((document, at) => {
    const blocks = blocksOf(document, "ts").filter((code) => !isWorker(code));
    expect(blocks.length).toBeGreaterThan(1);
    // What a block leaves to the reader.
    blocks.unshift(
      'import type { Clients } from "raft-lite/sim";',
      "declare const TallyClients: new () => Clients<any, any>;",
    );
    project.write(`document${at}.ts`, blocks.join("\n"));
    return `document${at}.ts`;
  });
  project.write(
    "documents.json",
    JSON.stringify({ compilerOptions: { ...compilerOptions, typeRoots }, files }),
  );
  run(tool("tsc"), ["-p", "documents.json"], project.directory);
});

describe("in a Worker project", () => {
  const [whole, withMachine] = blocksOf("docs/embedding.md", "ts").filter(isWorker) as [string, string];
  const [settings] = blocksOf("docs/embedding.md", "toml") as [string];

  test("what the documents show, and the example, check against the platform's types", () => {
    project.write("worker-tally.ts", readFileSync(join(CHECKOUT, "examples/tally.ts"), "utf8"));
    const example = readFileSync(join(CHECKOUT, "examples/worker/main.ts"), "utf8");
    project.write("worker-example.ts", example.replace("../tally.ts", "./worker-tally.ts"));
    project.write("worker-whole.ts", whole);
    project.write("worker-machine.ts", withMachine);
    const compilerOptions = {
      ...{ noEmit: true, strict: true, target: "es2022", lib: ["ES2024"], types: [PLATFORM_TYPES] },
      ...{ module: "preserve", moduleResolution: "bundler", allowImportingTsExtensions: true },
    };
    const files = ["worker-whole.ts", "worker-machine.ts", "worker-example.ts"];
    project.write("workers.json", JSON.stringify({ compilerOptions, files }));
    run(tool("tsc"), ["-p", "workers.json"], project.directory);
  });

  test("the whole Worker of the documents is deployed, elects, and keeps what it took", async ({ lab }) => {
    const worker = await DeployedWorker.deploy(lab, project, {
      "wrangler.toml": settings,
      "src/index.ts": whole,
    });
    await worker.start();
    const take = await until("the cluster takes a command", async () => {
      const reply = await post(`${worker.url}/command`, { cmd: "SET x=5" });
      return reply.status === 200 && reply;
    });
    expect(JSON.parse(take.text)).toMatchObject({ ok: true, index: 0, result: "OK" });
    const log = [{ term: expect.any(Number), cmd: "SET x=5" }];
    const expectKept = async () => {
      for (const id of ["A", "B", "C"]) {
        const status = await until(`${id} has it committed`, async () => {
          const { text } = await call(`${worker.url}/${id}/status`);
          const picture = JSON.parse(text) as { commitIndex: number };
          return picture.commitIndex === 0 && picture;
        });
        expect(status).toMatchObject({ node: id, log, leader: expect.any(String) });
      }
      const value = await until("it is read", async () => {
        const { status, text } = await call(`${worker.url}/v1/kv/x?raw`);
        return status === 200 && text;
      });
      expect(value).toBe("5");
    };
    await expectKept();
    await worker.stop();
    await worker.start();
    await expectKept();
  });

  test("the example is deployed as it stands, and counts", async ({ lab }) => {
    const source = (file: string) => readFileSync(join(CHECKOUT, "examples", file), "utf8");
    const worker = await DeployedWorker.deploy(lab, project, {
      "tally.ts": source("tally.ts"),
      "worker/main.ts": source("worker/main.ts"),
      "worker/wrangler.toml": source("worker/wrangler.toml"),
    });
    await worker.start();
    const text = await until("a visit is counted", async () => {
      const reply = await post(`${worker.url}/visit?visitor=v&number=1`, {});
      return reply.status === 200 && reply.text;
    });
    expect(text).toBe('{"visits":1}');
    const { text: tally } = await call(`${worker.url}/raft/tally`);
    expect(JSON.parse(tally)).toEqual({ count: 1, queue: [] });
  });
});

describe("bundled for wherever JavaScript runs", () => {
  /** Minified bytes, and these packed. */
  async function bundle(code: string): Promise<{ bytes: number; packed: number }> {
    const missing: string[] = [];
    const build = await rolldown({
      input: project.write("bundled.js", code),
      platform: "neutral",
      onLog: (_level, { message }) => missing.push(message),
    });
    const { output } = await build.generate({ format: "esm", minify: true });
    expect(missing).toEqual([]);
    expect(output).toHaveLength(1);
    const [{ imports, code: bundled }] = output;
    expect(imports).toEqual([]);
    return { bytes: bundled.length, packed: gzipSync(bundled).length };
  }

  test.each([
    ["createClient", "raft-lite/client", 12_000],
    ["Raft", "raft-lite/core", 12_000],
    ["defineStateMachine", "raft-lite", 3_000],
    ["createHandler", "raft-lite/http", 20_000],
    ["RaftNode", "raft-lite/node", 45_000],
    ["createRaftObject", "raft-lite/worker", 70_000],
  ])("%s of %s needs nothing, and little room", async (name, entry, limit) => {
    const { bytes, packed } = await bundle(`export { ${name} } from "${entry}";`);
    console.log(`${entry}: ${name} takes ${bytes} bytes minified, ${packed} packed`);
    expect(packed).toBeLessThan(limit);
  });
});

describe.each(RUNTIME_NAMES)("under %s", (name) => {
  const runtime = () => project.runtime(name);
  /** Runs a program in the project and gives its output. */
  const said = (program: string, args: readonly string[]) =>
    run(program, args, project.directory, project.environment(runtime()));

  test("every entry imports", () => {
    const program = project.write(
      "names.js",
      `const names = {};
       for (const entry of ${JSON.stringify(entries)}) names[entry] = Object.keys(await import(entry));
       console.log(JSON.stringify(names));`,
    );
    const names = JSON.parse(said(runtime().node, [program])) as Record<string, string[]>;
    expect(names).toMatchObject({
      "raft-lite": expect.arrayContaining(["defineStateMachine"]),
      "raft-lite/core": expect.arrayContaining(["Raft"]),
      "raft-lite/client": expect.arrayContaining(["createClient"]),
      "raft-lite/node-host": expect.arrayContaining(["startNode"]),
      "raft-lite/worker": expect.arrayContaining(["createRaftObject", "createRaftWorker"]),
      "raft-lite/sim": expect.arrayContaining(["simulate"]),
    });
    expect(Object.values(names).every((list) => list.length > 0)).toBe(true);
  });

  test("`npx raft-lite start` gives a cluster that serves, and goes with CTRL+C", async ({ lab }) => {
    const [port] = await lab.ports(3);
    const [a, b, c] = [0, 1, 2].map((at) => `http://127.0.0.1:${port! + at}`) as [string, string, string];
    const words = ["raft-lite", "start", "--port", String(port), "--data-dir", join(lab.directory, "data")];
    const env = project.environment(runtime());
    const started = lab.run("start", "npx", words, { cwd: project.directory, env });
    const reply = await until("the cluster takes a command", async () => {
      const taken = await post(`${a}/command`, { cmd: "SET x=5" });
      return taken.status === 200 && taken;
    });
    expect(JSON.parse(reply.text)).toMatchObject({ ok: true, result: "OK" });
    expect((await call(`${b}/v1/kv/x?raw`)).text).toBe("5");
    const status = await until("all follow one leader", () => {
      const table = said("npx", ["raft-lite", "status", a, b, c]);
      return table.includes("3 of 3 nodes follow") && table;
    });
    started.signalGroup("SIGINT");
    await started.ended();
    for (const id of "ABC") expect(started.lines).toContain(`[Node ${id}] Stopped`);
    expect(`${started.stdout}${started.stderr}${status}`).not.toMatch(/warning|experimental/i);
  });

  test("the command ends as it is told, also where it runs itself again", async ({ lab }) => {
    const file = join(project.directory, "node_modules/raft-lite/bin/raft-lite.js");
    const args = [file, "node", "--id", "A", "--port", "0", "--host", "127.0.0.1"];
    const env = project.environment(runtime());
    const start = () => lab.run("node", runtime().node, args, { env });
    const stopped = start();
    await stopped.line(/Became Leader/);
    stopped.signal("SIGTERM");
    expect(await stopped.ended()).toEqual({ code: 0, signal: null });
    const killed = start();
    await killed.line(/Became Leader/);
    await killed.kill();
    // Nothing lives on behind it: its directory is soon free again.
    const again = await until("the directory is free", async () => {
      const next = start();
      await until("it leads or ends", () => next.ending ?? next.count(/Became Leader/) > 0);
      return next.ending === null && next;
    });
    again.signal("SIGINT");
    expect(await again.ended()).toEqual({ code: 0, signal: null });
    expect(`${stopped.stderr}${killed.stderr}${again.stderr}`).toBe("");
  });

  test("what instances are given runs", async ({ lab }) => {
    const archive = join(project.directory, "node_modules/raft-lite", BUNDLE, "raft-lite.tar.gz");
    run("tar", ["-xzf", archive], lab.folder("release"));
    // As install.sh says it to the program.
    const flag = runtime().options.find((option) => option === "--experimental-sqlite") ?? "";
    const env = { ...project.environment(runtime()), NODE: runtime().node, NODE_FLAG: flag };
    const args = ["node", "--id", "A", "--port", "0", "--host", "127.0.0.1"];
    const node = lab.run("A", join(lab.directory, "release/raft-lite"), args, { env });
    await node.line(/Became Leader/);
    node.signal("SIGTERM");
    expect(await node.ended()).toEqual({ code: 0, signal: null });
    expect(node.stderr).toBe("");
  });

  test("the examples run: in the simulator, and through kill -9", async ({ lab }) => {
    const compiled = (file: string) => [...runtime().options, join(examples(), file)];
    const lines = said(runtime().node, [...compiled("simulate.js"), "1", "2"]);
    expect(lines).toBe("seed 1: all is well\nseed 2: all is well\n");
    await exerciseTally(lab, { command: runtime().node, words: compiled("tally-node.js") });
  });

  test("a Node without SQLite says so, and how to mend it", () => {
    const program = project.write(
      "no-sqlite.js",
      `import { startNode } from "raft-lite/node-host";
       import { simulate } from "raft-lite/sim";
       const say = ({ code, message }) => console.log(code, message);
       await startNode({ id: "A", port: 0, dataDir: "d" }).catch(say);
       await simulate(() => ({}), { count: 1 }, { seed: 1 }).catch(say);`,
    );
    const without = runtime().options.includes("--experimental-sqlite") ? [] : ["--no-experimental-sqlite"];
    const lines = said(runtime().node, [...without, program]);
    expect(lines).toMatch(/^(sqlite-missing .*22\.13.*--experimental-sqlite\n){2}$/);
  });

  test("the command's version is the package's", () => {
    const { version } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8"));
    expect(said("npx", ["raft-lite", "--version"]).trim()).toBe(version);
  });
});

/** What a document shows in that language, piece by piece. */
function blocksOf(document: string, language: string): string[] {
  const text = readFileSync(join(CHECKOUT, document), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].flatMap(([, name, code]) =>
    name === language ? [code!] : [],
  );
}

/** It is a module of its own, for another runtime. */
function isWorker(code: string): boolean {
  return code.includes('"cloudflare:workers"');
}

/** Where the examples lie, compiled within the project. */
function examples(): string {
  const directory = join(project.directory, "compiled");
  if (existsSync(directory)) return directory;
  const files = globSync("*.ts", { cwd: join(CHECKOUT, "examples") });
  for (const file of files) copyFileSync(join(CHECKOUT, "examples", file), join(project.directory, file));
  const compilerOptions = {
    target: "es2022",
    lib: ["ES2023", "DOM"],
    module: "nodenext",
    types: ["node"],
    typeRoots: [join(CHECKOUT, "node_modules/@types")],
    strict: true,
    rewriteRelativeImportExtensions: true,
    noEmitOnError: true,
    outDir: "compiled",
  };
  project.write("examples.json", JSON.stringify({ compilerOptions, files }));
  run(tool("tsc"), ["-p", "examples.json"], project.directory);
  return directory;
}
