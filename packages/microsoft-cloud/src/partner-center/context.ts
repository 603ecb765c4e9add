import type { Caller } from '../resource/caller.ts';
import type { CloudRequest } from '../web/http.ts';
import type { PathParameters } from '../web/router.ts';
import type { World } from '../world.ts';

/** A Partner Center request with its verified caller. */
export interface PartnerCenterContext {
  readonly world: World;
  readonly request: CloudRequest;
  readonly caller: Caller;
  readonly parameters: PathParameters;
}
