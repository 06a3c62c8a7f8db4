import * as notes from './notes';

interface Request {
  method: string;
  body?: string;
  queryParameters: Record<string, string[]>;
}

const json = (statusCode: number, value: unknown) => ({
  statusCode,
  headers: { 'content-type': ['application/json'] },
  body: JSON.stringify(value) + '\n',
});

// GET lists all notes, GET ?issue=KEY reads one, PUT ?issue=KEY writes the body.
export async function handle(request: Request) {
  const issue = request.queryParameters.issue?.[0];
  switch (request.method) {
    case 'GET':
      return json(200, issue ? await notes.read(issue) : await notes.all());
    case 'PUT':
      if (!issue) return json(400, { error: 'say which issue: ?issue=DEMO-1' });
      try {
        return json(200, await notes.write(issue, request.body ?? ''));
      } catch (err) {
        return json(400, { error: (err as Error).message });
      }
    default:
      return json(405, { error: `${request.method} is not offered` });
  }
}
