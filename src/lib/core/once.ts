/**
 * A function that calls `make` at its first call and then returns the same result. Concurrent callers share one call.
 * Caches the first success. A failure is not cached.
 */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined;
      throw thrown;
    });
    return made;
  };
}
