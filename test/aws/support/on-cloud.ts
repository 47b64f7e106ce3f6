import { onTestFinished } from "vitest";
import { Deployment } from "./deployment.ts";
import type { CloudOptions } from "./fake-cloud.ts";
import { mockClients } from "./mock-clients.ts";

/** The commands on a fake cloud of their own, which is behind the SDK until the test is over. */
export function onCloud(options: CloudOptions = {}): Deployment {
  const deployment = new Deployment(options);
  const mocked = mockClients(deployment.cloud);
  onTestFinished(() => mocked.restore());
  return deployment;
}
