/** What to do with a job that was written. */
export const nextSteps = (name: string): readonly string[] => [
  `Run its test:           npx vitest run test/unit/jobs/${name}.test.ts`,
  `Try it:                 ptb jobs try ${name}`,
  'Check types and style:  npm run check',
];
