import { assembleCloud, type Cloud } from '../../src/assemble-cloud.ts';
import { createBase } from '../../src/cloud-base.ts';
import type { CloudOptions } from '../../src/cloud-options.ts';

/** A cloud without listeners. */
export const cloudInMemory = async (options: CloudOptions): Promise<Cloud> =>
  assembleCloud(options, await createBase(options));
