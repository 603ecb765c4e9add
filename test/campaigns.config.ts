import { defineConfig } from 'vitest/config';

/** What takes too long for `npm test`: `npm run test:kills`, `npm run test:scale`. */
export default defineConfig({
  test: {
    include: ['test/**/*.campaign.ts'],
    hookTimeout: 300_000,
    reporters: ['default', './tools/test-record.ts'],
    env: { NO_PROXY: '127.0.0.1,localhost' },
  },
});
