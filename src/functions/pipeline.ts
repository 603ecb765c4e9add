import { createPipeline } from '../lib/api/pipeline.ts';
import { bootLog, registeredAuthLevel, services, withInvocation } from '../composition.ts';

/** The pipeline bound to this app's composition root: `guarded(role, handler)`, `anonymous(handler)`, `open(handler)`. */
export const { guarded, anonymous, open } = createPipeline({ services, withInvocation, log: bootLog });

/** Of every guarded route: whether the host itself asks for a function key first (FUNCTION_KEYS). */
export const authLevel = registeredAuthLevel();
