import { app } from '@azure/functions';
import { endTracing } from '../composition.ts';

app.hook.appTerminate(endTracing);
