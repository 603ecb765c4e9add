/** Processes, by id, that a worker keeps for its later test files. They end with it, so they are no leftovers of a test. */
export const keptByWorker = ((globalThis as { keptByTestWorker?: Set<number> }).keptByTestWorker ??= new Set());
