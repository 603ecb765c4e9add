import { createPipeline } from '../lib/http/pipeline.ts';
import { bootLog, services, withInvocation } from '../composition.ts';

/** The pipeline bound to this app's composition root: `guarded(role, handler)` and `anonymous(handler)`. */
export const { guarded, anonymous } = createPipeline({ services, withInvocation, log: bootLog });
