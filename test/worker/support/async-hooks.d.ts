/** What the runtime has of it without any flag, and the platform's types do not name. */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<Store> {
    /** `work`, and whatever it begins, timers included, finds `store`. */
    run<Result>(store: Store, work: () => Result): Result;
    getStore(): Store | undefined;
  }
}
