/** What tests of jobs in a project of one's own import, as `partner-token-broker/testing`. */
export { type TriedChange, tryChange, type TryChangeOptions } from './try-change.ts';
export { contoso, type TriedJob, tryJob, type TryJobOptions } from './try-job.ts';
