import { type Assemble, grouped } from '../fragments.ts';
import { type ImageInput, imageHash } from './image.ts';

/** Two projects may mean different images by one name, so the artifact carries the content's hash. */
export const imageId = (name: string, hash: string): string => `image/${name}-${hash}`;

const idOf = (input: ImageInput): string => imageId(input.name, imageHash(input));

export const assembleImages: Assemble<ImageInput, ImageInput> = (fragments) =>
  [...grouped(fragments, idOf)].flatMap(
    ([
      id,
      {
        owners,
        fragments: [input],
      },
    ]) => (input === undefined ? [] : [{ id, engine: 'image', owners, needs: [], input }]),
  );
