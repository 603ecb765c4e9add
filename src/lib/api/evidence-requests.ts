import * as z from 'zod';
import { continuation } from './page-parameters.ts';
import { time } from './requests.ts';

const withSameRange = 'The `continuation` of the previous answer. Send it with the same range.';

/** The query of `GET /api/audit/records`. */
export const auditRecordsQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'Start of the range, inclusive, ISO 8601. Default: the oldest record.' }),
  to: time.optional().meta({ description: 'End of the range, exclusive, ISO 8601. Default: now.' }),
  continuation: continuation(1024, withSameRange),
});

/** The query of `GET /api/audit/checkpoints`. */
export const auditCheckpointsQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'Start of the records that they cover, ISO 8601. Default: the first.' }),
  continuation: continuation(1024, withSameRange),
});
