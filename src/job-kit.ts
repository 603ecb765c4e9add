/** What jobs of a project of one's own import, as `partner-token-broker/job`. */
export {
  act,
  addReference,
  type Change,
  cmdlet,
  create,
  created,
  including,
  remove,
  removeReference,
  update,
  without,
} from './lib/changes/change.ts';
export { type ChangeDefinition, defineChange } from './lib/changes/define-change.ts';
export { dayMs, isoTime } from './lib/core/clock.ts';
export { BrokerError } from './lib/core/errors.ts';
export type { ExchangeOnlineClient } from './lib/microsoft/exchange-online.ts';
export { type GraphClient, graphStatus } from './lib/microsoft/graph.ts';
export type { PartnerCenterClient } from './lib/microsoft/partner-center.ts';
export type { DnsClient } from './lib/runs/job/dns.ts';
export { defineJob, type Job, type JobContext, type JobDefinition, type JobTenant } from './lib/runs/job/job.ts';
export type { Row } from './lib/runs/job/row.ts';
