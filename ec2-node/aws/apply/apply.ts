import type { Step } from "../steps.ts";
import * as deletion from "./deletion.ts";
import * as identity from "./identity.ts";
import * as instances from "./instances.ts";
import * as network from "./network.ts";
import * as storage from "./storage.ts";
import type { Work } from "./work.ts";

/**
 * Carries out one step and notes in `work.found` what it brought. May be repeated after a crash at any point of it.
 * Throws RaftLiteErrors of one line each.
 */
export function applyStep(work: Work, step: Step): Promise<void> {
  switch (step.kind) {
    case "write-record":
      return identity.writeRecord(work, step);
    case "create-secret":
      return identity.createSecret(work);
    case "create-bucket":
      return identity.createBucket(work);
    case "tag-bucket":
      return identity.tagBucket(work);
    case "upload-bundle":
      return identity.uploadBundle(work, step);
    case "create-role":
      return identity.createRole(work);
    case "write-role-policy":
      return identity.writeRolePolicy(work);
    case "create-profile":
      return identity.createProfile(work);
    case "add-role-to-profile":
      return identity.addRoleToProfile(work);
    case "create-group":
      return network.createGroup(work, step);
    case "open-port":
      return network.openPort(work, step);
    case "close-port":
      return network.closePort(work, step);
    case "create-interface":
      return network.createInterface(work, step);
    case "record-address":
      return network.recordAddress(work, step);
    case "allocate-address":
      return network.allocateAddress(work, step);
    case "associate-address":
      return network.associateAddress(work, step);
    case "release-address":
      return network.releaseAddress(work, step);
    case "create-volume":
      return storage.createVolume(work, step);
    case "run-instance":
      return instances.runInstance(work, step);
    case "start-instance":
      return instances.startInstance(work, step);
    case "attach-volume":
      return storage.attachVolume(work, step);
    case "begin-replacement":
      return instances.beginReplacement(work, step);
    case "end-replacement":
      return instances.endReplacement(work, step);
    case "terminate-instances":
      return instances.terminateInstances(work, step);
    case "delete-interface":
      return deletion.deleteInterface(work, step);
    case "delete-volume":
      return deletion.deleteVolume(work, step);
    case "delete-group":
      return deletion.deleteGroup(work, step);
    case "delete-profile":
      return deletion.deleteProfile(work);
    case "delete-role":
      return deletion.deleteRole(work);
    case "delete-bucket":
      return deletion.deleteBucket(work);
    case "delete-secret":
      return deletion.deleteSecret(work);
    case "delete-record":
      return deletion.deleteRecord(work);
  }
}
