export type { CloudOptions } from './cloud-options.ts';
export { type RunningCloud, startCloud } from './start-cloud.ts';
export { type CloudDocument, environmentOf } from './document.ts';
export type { Clock, CloudClock } from './clock.ts';
export type { Faults, FaultState } from './faults/faults.ts';
export type { FaultKind, FaultRule } from './faults/rule.ts';
export { type FaultSet, faultSet, faultSetNames } from './faults/sets.ts';
export type { Ledger, LedgerContent, LedgerEntry, LedgerTotals } from './ledger.ts';
export type { AgentOptions, RegisteredAgent } from './population/agents.ts';
export type { TenantChange } from './population/change-tenant.ts';
export type { GroupData, RoleData } from './population/own-directory.ts';
export type { TenantData, UserData } from './population/own-tenants.ts';
export type {
  OwnReplies,
  OwnReply,
  OwnReplyRequest,
  OwnReplySelection,
  OwnReplySource,
} from './replies/own-replies.ts';
export type { ServiceName } from './web/http.ts';
export type { Addresses, Settings, World } from './world.ts';
