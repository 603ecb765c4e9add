import * as z from 'zod';
import { grants } from '../../model/token.ts';
import { guid, isoTime } from './shared.ts';

export const tokenAnswerSchema = z
  .object({
    accessToken: z.string().meta({ description: 'For the Authorization header of the resource. A secret.' }),
    tokenType: z.literal('Bearer'),
    expiresAt: isoTime,
    expiresInSeconds: z.int().min(0),
    tenantId: guid,
    resource: z.string(),
    scopes: z
      .array(z.string())
      .readonly()
      .meta({ description: 'What the token really carries: delegated scopes, or app roles.' }),
    grant: z.enum(grants),
    tokenId: guid.meta({ description: 'Names this answer in the audit log.' }),
  })
  .meta({ id: 'Token' });
export type TokenAnswer = z.output<typeof tokenAnswerSchema>;
