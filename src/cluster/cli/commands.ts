// The table of commands: to add one is to add a line here and its file.
import type { CommandSpec } from './command.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { imageImport, imageList, imagePull, imageRemove } from './image.ts';
import { kubeconfig } from './kubeconfig.ts';
import { serve } from './serve.ts';
import { status } from './status.ts';
import { up } from './up.ts';
import { why } from './why.ts';

export const COMMANDS: readonly CommandSpec[] = [
  up,
  down,
  status,
  kubeconfig,
  doctor,
  why,
  imageImport,
  imagePull,
  imageList,
  imageRemove,
  serve,
  demo,
];
