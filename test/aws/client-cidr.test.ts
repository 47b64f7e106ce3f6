import { describe, expect, test } from "vitest";
import type { FetchText } from "../../ec2-node/aws/client-cidr.ts";
import { isOpenToAll, operatorCidr, readCidrs } from "../../ec2-node/aws/client-cidr.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";

describe("--client-cidr", () => {
  test.each([
    ["198.51.100.7", ["198.51.100.7/32"]],
    ["198.51.100.7/32", ["198.51.100.7/32"]],
    ["10.0.0.0/8", ["10.0.0.0/8"]],
    ["255.255.255.255", ["255.255.255.255/32"]],
    ["128.0.0.0/1", ["128.0.0.0/1"]],
    ["0.0.0.0/0", ["0.0.0.0/0"]],
    [" 198.51.100.0/24 ,203.0.113.9", ["198.51.100.0/24", "203.0.113.9/32"]],
    ["198.51.100.7,198.51.100.7/32", ["198.51.100.7/32"]],
  ])("%s", (text, cidrs) => {
    expect(readCidrs(text)).toEqual(cidrs);
  });

  test.each([
    [
      "10.1.2.3/8",
      /"10\.1\.2\.3\/8" is not the first address of its block: say 10\.0\.0\.0\/8 for the block, 10/,
    ],
    ["203.0.113.255/25", /say 203\.0\.113\.128\/25 for the block/],
    ["1.2.3.4/0", /say 0\.0\.0\.0\/0 for the block/],
    ["2001:db8::/32", /"2001:db8::\/32" is IPv6, and the nodes have IPv4 addresses only/],
    ["::1", /is IPv6/],
    ["", /"" is not a block of IPv4 addresses: say for example/],
    ["198.51.100.7,", /"" is not a block/],
    ["198.51.100.0/33", /"198.51.100.0\/33" is not a block/],
    ["198.51.100.0/", /is not a block/],
    ["198.51.100.0/24/8", /is not a block/],
    ["198.51.100.0/-1", /is not a block/],
    ["198.51.100.0/0x8", /is not a block/],
    ["198.51.100", /is not a block/],
    // Some programs read a leading zero as octal.
    ["010.0.0.1", /is not a block/],
    ["auto", /"auto" is not a block/],
    ["everyone\u001b[2J", /is not a block/],
  ])("refuses %j", (text, message) => {
    const error = failure(() => readCidrs(text));
    expect(isUsageError(error)).toBe(true);
    expect(String(error)).toMatch(/--client-cidr: /);
    expect(String(error)).toMatch(message);
  });

  test("knows the whole internet when it sees it", () => {
    expect(isOpenToAll(readCidrs("198.51.100.7,0.0.0.0/0"))).toBe(true);
    expect(isOpenToAll(readCidrs("10.0.0.0/8,128.0.0.0/1"))).toBe(false);
  });
});

describe("the operator's address", () => {
  test("is what AWS sees, as a block of one", async () => {
    const asked: string[] = [];
    const cidr = await operatorCidr(async (url, { redirect }) => {
      asked.push(`${url} ${redirect}`);
      return { ok: true, status: 200, text: async () => "18.185.20.7\n" };
    });
    expect(cidr).toBe("18.185.20.7/32");
    expect(asked).toEqual(["https://checkip.amazonaws.com error"]);
  });

  const refused = new Error("fetch failed", { cause: new Error("connect ECONNREFUSED") });
  test.each<[string, FetchText, RegExp]>([
    ["an error", async () => Promise.reject(refused), /could not be asked: connect ECONNREFUSED\)/],
    [
      "no answer",
      async () => Promise.reject(new DOMException("late", "TimeoutError")),
      /could not be asked: no answer within 5 s\)/,
    ],
    ["a refusal", answer("forbidden", 403), /could not be asked: it answered 403\)/],
    [
      "a page",
      answer("<html>Please log in to the hotel's network</html>"),
      /did not answer with an IPv4 address/,
    ],
    ["nothing", answer(""), /did not answer with an IPv4 address/],
    ["IPv6", answer("2001:db8::1"), /did not answer with an IPv4 address/],
    ["two", answer("18.185.20.7, 10.0.0.1"), /did not answer with an IPv4 address/],
    ...["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"].map(
      (address): [string, FetchText, RegExp] => [
        address,
        answer(address),
        /answered with [\d.]+, which is not a public address/,
      ],
    ),
    ["multicast", answer("224.0.0.1"), /not a public address/],
    ["broadcast", answer("255.255.255.255"), /not a public address/],
  ])("is asked for in one line after %s", async (_, fetchText, reason) => {
    const error = await operatorCidr(fetchText).then(
      () => null,
      (error) => error,
    );
    expect(error).toMatchObject({ code: "operator-address-unknown" });
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(/^your own address is not known .*: say --client-cidr ADDRESS/);
    expect(error.message).not.toMatch(/\n|html/);
  });

  test.each(["172.15.255.255", "172.32.0.0", "100.128.0.0", "11.0.0.1", "223.255.255.254"])(
    "may be %s, just outside a reserved block",
    async (address) => {
      expect(await operatorCidr(answer(address))).toBe(`${address}/32`);
    },
  );
});

function answer(body: string, status = 200): FetchText {
  return async () => ({ ok: status < 300, status, text: async () => body });
}

function failure(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}
