import type { CloudRequest } from '../web/http.ts';
import type { World } from '../world.ts';
import type { PendingSignIns } from './pending.ts';
import type { BrowserSessions } from './sessions.ts';

/** A request to one of Entra's endpoints. */
export interface EntraContext {
  readonly world: World;
  readonly pending: PendingSignIns;
  readonly sessions: BrowserSessions;
  readonly request: CloudRequest;
  /** The tenant in the path: an id, a domain, `common` or `organizations`. Empty where the path names none. */
  readonly tenant: string;
  /** Version of the endpoint. */
  readonly version: 1 | 2;
}
