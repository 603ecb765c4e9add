import { defineConfig } from 'vitest/config';

/** The fast tests of the mutated folders. Each mutant runs them once. */
export default defineConfig({
  test: {
    include: [
      'test/unit/lib/runtime/{single-flight,deadline,safe-parse}*.test.ts',
      'test/unit/lib/audit/group-commit*.test.ts',
      'test/unit/lib/broker/*.test.ts',
      'test/unit/lib/callers/{decide,judge-scopes,parse-policy,parse-policy.details,duplicate-key}.test.ts',
      'test/unit/lib/credential/{rotate,rotate.details,judge-renewed-token}.test.ts',
      'test/unit/lib/entra/judge-token-reply*.test.ts',
      'test/unit/lib/graph/*.test.ts',
    ],
    // Ten thousand callers are too slow to repeat for each mutant.
    exclude: ['test/unit/lib/broker/busy.test.ts'],
    // A mutant that never ends fails its test here, which is faster than a restart of the worker by Stryker.
    testTimeout: 5_000,
  },
});
