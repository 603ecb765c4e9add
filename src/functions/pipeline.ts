import { createPipeline } from '../lib/http/pipeline.ts';
import { bootLog, services, withInvocation } from '../composition.ts';

/** The pipeline bound to this app's composition root: `guarded(role, handler)`, `anonymous(handler)`, `open(handler)`. */
export const { guarded, anonymous, open } = createPipeline({ services, withInvocation, log: bootLog });
