import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

const { projects: _, ...shared } = base.test ?? {};

/** Every randomized test in full: `npm run fuzz`. */
export default defineConfig({
  ...base,
  test: {
    ...shared,
    include: [
      'test/fuzz/*.test.ts',
      'test/unit/lib/**/*.property.test.ts',
      'test/unit/tools/regular-expressions.test.ts',
      'packages/microsoft-cloud/test/unit/every-list.property.test.ts',
      'test/e2e/credential/{certificate,ninety-five-days}.test.ts',
    ],
    env: { ...shared.env, FUZZ_EXTENT: 'full' },
  },
});
