/* protocol_table: every message. The manual page danaus-protocol(7) is drawn from it. */
#include "engine/protocol.h"

/* clang-format off */
#define JOB {.name = "job", .kind = FIELD_INT, .min = 1, .max = INT64_MAX, .help = "The job."}
#define ANY_JOB {.name = "job", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX, \
                 .help = "The job; without it the whole queue."}

const char *const message_job_states[][2] = {
    {"queued", "Waits for a worker."},
    {"running", "A worker makes it."},
    {"paused", "Waits until it is resumed. What is made of it is kept."},
    {"done", "Its files are whole and in the library."},
    {"cancelled", "Was stopped on request. What was made is kept; retry goes on from there."},
    {"failed", "Could not be made; reason says why. retry goes on from its last whole chunk."},
    {"set aside", "Ended its worker three times; reason says how. retry tries again."},
    {NULL, NULL},
};

const struct message_field message_job_fields[] = {
    {.name = "job", .kind = FIELD_INT, .help = "Its number."},
    {.name = "clip", .kind = FIELD_INT, .help = "The clip in the catalog that it makes."},
    {.name = "state", .kind = FIELD_TEXT, .help = "See JOBS."},
    {.name = "prompt", .kind = FIELD_TEXT, .help = "The clip's prompt."},
    {.name = "prompt_changes", .kind = FIELD_LIST, .optional = true,
     .help = "Objects: chunk and prompt, where the prompt changes or was steered."},
    {.name = "seed", .kind = FIELD_INT, .help = "The clip's seed."},
    {.name = "width", .kind = FIELD_INT, .help = "Pixels."},
    {.name = "height", .kind = FIELD_INT, .help = "Pixels."},
    {.name = "frames", .kind = FIELD_INT, .help = "Frames asked for."},
    {.name = "chunks", .kind = FIELD_INT, .help = "Chunks in all; 0 until it was started."},
    {.name = "chunks_done", .kind = FIELD_INT, .help = "Whole chunks that are on disk."},
    {.name = "deaths", .kind = FIELD_INT, .help = "Workers that died of it."},
    {.name = "reason", .kind = FIELD_TEXT, .optional = true, .help = "Why it failed."},
    {.name = "path", .kind = FIELD_TEXT, .optional = true, .help = "The finished video."},
    {.name = "output", .kind = FIELD_TEXT, .optional = true, .help = "The copy that was asked for."},
    {.name = "frames_done", .kind = FIELD_INT, .optional = true, .help = "Frames in the video."},
    {.name = "bytes", .kind = FIELD_INT, .optional = true, .help = "Size of the video."},
    {.name = "seconds", .kind = FIELD_NUMBER, .optional = true, .help = "Time it took to make."},
    {.name = "first_frame_seconds", .kind = FIELD_NUMBER, .optional = true,
     .help = "Time until its first frames."},
    {.name = NULL},
};

const struct message message_table[MESSAGE_COUNT] = {
    [MESSAGE_HELLO] = {
        "hello", MESSAGE_REQUEST, "The first message. Anything else before it ends the connection.",
        {{.name = "protocol", .kind = FIELD_INT, .min = 0, .max = INT64_MAX,
          .help = "The protocol's number, as in the example above."},
         {.name = "build", .kind = FIELD_TEXT, .optional = true, .help = "The client's version."},
         {.name = "client", .kind = FIELD_TEXT, .optional = true,
          .help = "Who it is, for the log."}}},
    [MESSAGE_STATUS] = {"status", MESSAGE_REQUEST, "How the engine is. Answered by status.", {{0}}},
    [MESSAGE_ENQUEUE] = {
        "enqueue", MESSAGE_REQUEST,
        "Queues a clip. Answered by queued, and only when job and clip are safely in the catalog.",
        {{.name = "request", .kind = FIELD_OBJECT,
          .help = "What to make: the options of danaus generate by their names in danaus.yaml, paths "
                  "absolute. What is not there has its default."},
         {.name = "next", .kind = FIELD_BOOL, .optional = true,
          .help = "Goes before all that wait."},
         {.name = "paused", .kind = FIELD_BOOL, .optional = true,
          .help = "Waits for resume."},
         {.name = "parent", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX,
          .help = "The clip that this one branches off."},
         {.name = "parent_chunk", .kind = FIELD_INT, .optional = true, .min = 0, .max = 1000000,
          .help = "How many of the parent's chunks it begins with."},
         {.name = "relation", .kind = FIELD_TEXT, .optional = true,
          .choices = "branch|extend|vary|redo", .help = "What it is to its parent."},
         {.name = "collection", .kind = FIELD_TEXT, .optional = true,
          .help = "The clip belongs to this collection from the start."}}},
    [MESSAGE_JOBS] = {
        "jobs", MESSAGE_REQUEST, "The queue, in its order. Answered by jobs.",
        {{.name = "job", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX,
          .help = "Only this one, whatever its state; error when there is no such job."},
         {.name = "all", .kind = FIELD_BOOL, .optional = true,
          .help = "Also those that are over, the newest 1000."}}},
    [MESSAGE_CANCEL] = {
        "cancel", MESSAGE_REQUEST,
        "Stops a job for good. What is made of it so far becomes a valid shorter clip.", {JOB}},
    [MESSAGE_PAUSE] = {
        "pause", MESSAGE_REQUEST,
        "Stops a job until resume; its worker is free for others. Without a job nothing new is "
        "started, and what runs is paused.", {ANY_JOB}},
    [MESSAGE_RESUME] = {
        "resume", MESSAGE_REQUEST, "Lets a paused job, or the paused queue, go on.", {ANY_JOB}},
    [MESSAGE_RETRY] = {
        "retry", MESSAGE_REQUEST,
        "Queues a job again that failed, was cancelled or was set aside. It goes on behind its last "
        "whole chunk.", {JOB}},
    [MESSAGE_MOVE] = {
        "move", MESSAGE_REQUEST, "Moves a waiting job.",
        {JOB,
         {.name = "to", .kind = FIELD_TEXT, .choices = "next|last|before", .help = "Where to."},
         {.name = "other", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX,
          .help = "Of before: the job that it goes before."}}},
    [MESSAGE_STEER] = {
        "steer", MESSAGE_REQUEST,
        "Gives a running job another prompt, from its next chunk on. Answered by steered, when the "
        "change is safely in the catalog: the clip is then the same as if it had been asked for so, "
        "also after a kill. Changes that were still to come are dropped. The reply may come after those of later requests. Error when the last "
        "chunk is begun, or the job does not run.",
        {JOB, {.name = "prompt", .kind = FIELD_TEXT, .help = "What to show from there on."}}},
    [MESSAGE_WATCH] = {
        "watch", MESSAGE_REQUEST,
        "Asks for events. Answered by done; then the state of every job watched comes at once, and "
        "events as things happen.",
        {{.name = "job", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX,
          .help = "Only this one, in addition to those that are watched already; without it all."},
         {.name = "frames", .kind = FIELD_TEXT, .optional = true, .choices = "none|shared|jpeg",
          .help = "shared: through shared memory, see FRAMES. jpeg: small pictures in image "
                  "events."},
         {.name = "width", .kind = FIELD_INT, .optional = true, .min = 16, .max = 640,
          .help = "Longest side of a jpeg in pixels; 256."}}},
    [MESSAGE_UNWATCH] = {"unwatch", MESSAGE_REQUEST, "No more events.", {{0}}},
    [MESSAGE_EDIT] = {
        "edit", MESSAGE_REQUEST,
        "Changes what the catalog says of a clip. Only the engine writes to it.",
        {{.name = "what", .kind = FIELD_TEXT,
          .choices = "rate|favourite|note|tag|untag|collect|uncollect|make|rename|rename-tag|forget|"
                     "forget-tag|remember|remember-tag|trash|restore|empty",
          .help = "rate, favourite: to number. note, tag, untag, collect, uncollect: value. make, "
                  "rename, forget: the collection named value, forget keeps its clips and remember "
                  "brings it back within 30 days; rename-tag, forget-tag, remember-tag likewise. trash and restore move the clip. empty: what is in the "
                  "trash goes for good, of all clips."},
         {.name = "clip", .kind = FIELD_INT, .optional = true, .min = 1, .max = INT64_MAX,
          .help = "The clip; not of collections and tags as such, nor of empty."},
         {.name = "value", .kind = FIELD_TEXT, .optional = true, .help = "A note, tag or name."},
         {.name = "to", .kind = FIELD_TEXT, .optional = true, .help = "The new name."},
         {.name = "number", .kind = FIELD_INT, .optional = true, .min = 0, .max = INT64_MAX,
          .help = "0 to 5 of rate, 0 or 1 of favourite; of empty, only what went to the trash before "
                  "that time (milliseconds since 1970)."}}},
    [MESSAGE_IMPORT] = {
        "import", MESSAGE_REQUEST,
        "Makes a clip of a video that the client has put into a folder of LIBRARY/incoming, with its "
        "stills. The folder becomes the clip's. Answered by imported, and only when the clip is "
        "safely in the catalog.",
        {{.name = "folder", .kind = FIELD_TEXT, .help = "The folder's name in incoming."},
         {.name = "prompt", .kind = FIELD_TEXT, .help = "What the video shows."},
         {.name = "width", .kind = FIELD_INT, .min = 1, .max = 65536, .help = "Pixels."},
         {.name = "height", .kind = FIELD_INT, .min = 1, .max = 65536, .help = "Pixels."},
         {.name = "frames", .kind = FIELD_INT, .min = 1, .max = INT64_MAX, .help = "Frames."},
         {.name = "fps", .kind = FIELD_NUMBER, .help = "Frames a second; 0 of a still."},
         {.name = "files", .kind = FIELD_LIST,
          .help = "Objects: kind (video, poster, strip), name, bytes, sha256, frames."},
         {.name = "request", .kind = FIELD_OBJECT, .optional = true,
          .help = "As in enqueue, when the video tells how it was made."},
         {.name = "model", .kind = FIELD_TEXT, .optional = true, .help = "The model that made it."},
         {.name = "tag", .kind = FIELD_TEXT, .optional = true, .help = "A tag for it."}}},
    [MESSAGE_STOP] = {
        "stop", MESSAGE_REQUEST,
        "Ends the engine. What runs goes back into the queue and continues at its last whole chunk "
        "when an engine starts again.", {{0}}},

    [MESSAGE_WELCOME] = {
        "hello", MESSAGE_REPLY, "The answer to hello.",
        {{.name = "protocol", .kind = FIELD_INT, .help = "The protocol's number."},
         {.name = "build", .kind = FIELD_TEXT, .help = "The engine's version."},
         {.name = "pid", .kind = FIELD_INT, .help = "The engine's process."},
         {.name = "library", .kind = FIELD_TEXT, .help = "The folder with the clips."}}},
    [MESSAGE_ERROR] = {
        "error", MESSAGE_REPLY, "The request could not be met.",
        {{.name = "code", .kind = FIELD_TEXT, .help = "io, format, arg, ... as --json has it."},
         {.name = "message", .kind = FIELD_TEXT, .help = "What failed, on what, why."},
         {.name = "hint", .kind = FIELD_TEXT, .optional = true, .help = "What to do."},
         {.name = "protocol", .kind = FIELD_INT, .optional = true,
          .help = "Of a hello with another number: the engine's own."}}},
    [MESSAGE_DONE] = {"done", MESSAGE_REPLY, "The request was met.", {{0}}},
    [MESSAGE_STATUS_REPLY] = {
        "status", MESSAGE_REPLY, "How the engine is.",
        {{.name = "pid", .kind = FIELD_INT, .help = "The engine's process."},
         {.name = "seconds", .kind = FIELD_NUMBER, .help = "Since it started."},
         {.name = "paused", .kind = FIELD_BOOL, .help = "Whether the whole queue is paused."},
         {.name = "queued", .kind = FIELD_INT, .help = "Jobs that wait."},
         {.name = "running", .kind = FIELD_INT, .help = "Jobs that run."},
         {.name = "clients", .kind = FIELD_INT, .help = "Connections."},
         {.name = "socket", .kind = FIELD_TEXT, .help = "The socket's path."},
         {.name = "library", .kind = FIELD_TEXT, .help = "The folder with the clips."},
         {.name = "log", .kind = FIELD_TEXT, .help = "The log's path."},
         {.name = "workers", .kind = FIELD_LIST,
          .help = "Objects: device, pid (0 = not started), job (0 = idle), model, starts; gpu, where "
                  "a worker runs and NVML is there: name, celsius, used_bytes, total_bytes, "
                  "busy_percent, watts, those that it tells."}}},
    [MESSAGE_QUEUED] = {
        "queued", MESSAGE_REPLY, "The answer to enqueue.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "clip", .kind = FIELD_INT, .help = "The clip's number in the catalog."}}},
    [MESSAGE_STEERED] = {
        "steered", MESSAGE_REPLY, "The answer to steer.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "chunk", .kind = FIELD_INT, .help = "The first chunk with it, from 0."},
         {.name = "frame", .kind = FIELD_INT, .help = "That chunk's first frame, from 0."}}},
    [MESSAGE_JOBS_REPLY] = {
        "jobs", MESSAGE_REPLY, "The answer to jobs.",
        {{.name = "jobs", .kind = FIELD_LIST, .help = "Jobs, see JOBS."},
         {.name = "paused", .kind = FIELD_BOOL, .help = "Whether the whole queue is paused."}}},
    [MESSAGE_IMPORTED] = {
        "imported", MESSAGE_REPLY, "The answer to import.",
        {{.name = "clip", .kind = FIELD_INT, .help = "The clip's number in the catalog."}}},

    [MESSAGE_STATE] = {
        "state", MESSAGE_EVENT, "A job is in another state. Never dropped.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "state", .kind = FIELD_TEXT, .help = "Its state; the other fields as in JOBS."}}},
    [MESSAGE_STARTED] = {
        "started", MESSAGE_EVENT, "A worker has its model loaded and begins.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "sampler", .kind = FIELD_TEXT, .help = "The sampler's name."},
         {.name = "width", .kind = FIELD_INT, .help = "Pixels."},
         {.name = "height", .kind = FIELD_INT, .help = "Pixels."},
         {.name = "frames", .kind = FIELD_INT, .help = "Frames to come."},
         {.name = "chunks", .kind = FIELD_INT, .help = "Chunks in all."},
         {.name = "chunks_done", .kind = FIELD_INT, .help = "Of these made before."},
         {.name = "latents", .kind = FIELD_INT, .help = "Latent frames in all."},
         {.name = "steps", .kind = FIELD_INT, .help = "Steps to come."}}},
    [MESSAGE_STEP] = {
        "step", MESSAGE_EVENT, "A step is done.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "chunk", .kind = FIELD_INT, .help = "Counted from 0."},
         {.name = "step", .kind = FIELD_INT, .help = "Within the chunk, from 0."},
         {.name = "steps", .kind = FIELD_INT, .help = "Of a chunk; step = steps fills the cache."},
         {.name = "done", .kind = FIELD_INT, .help = "Steps so far."},
         {.name = "total", .kind = FIELD_INT, .help = "Steps in all."},
         {.name = "seconds", .kind = FIELD_NUMBER, .help = "Since started."}}},
    [MESSAGE_CHUNK] = {
        "chunk", MESSAGE_EVENT, "A chunk's latents are on disk.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "start", .kind = FIELD_INT, .help = "Its first latent frame."},
         {.name = "count", .kind = FIELD_INT, .help = "Latent frames."}}},
    [MESSAGE_FRAMES] = {
        "frames", MESSAGE_EVENT, "Frames are decoded.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "start", .kind = FIELD_INT, .help = "The first one."},
         {.name = "count", .kind = FIELD_INT, .help = "How many."},
         {.name = "worker", .kind = FIELD_INT, .help = "Whose ring they are in."},
         {.name = "seconds", .kind = FIELD_NUMBER, .help = "Since started."}}},
    [MESSAGE_IMAGE] = {
        "image", MESSAGE_EVENT, "A small picture of the newest frame, at most five a second.",
        {{.name = "job", .kind = FIELD_INT, .help = "The job's number."},
         {.name = "frame", .kind = FIELD_INT, .help = "Its number in the clip."},
         {.name = "format", .kind = FIELD_TEXT, .help = "jpeg."},
         {.name = "data", .kind = FIELD_TEXT, .help = "The file, base64."}}},
    [MESSAGE_RING] = {
        "ring", MESSAGE_EVENT,
        "A worker's frames are in the shared memory whose descriptor comes with this message.",
        {{.name = "worker", .kind = FIELD_INT, .help = "Whose."},
         {.name = "width", .kind = FIELD_INT, .help = "Pixels."},
         {.name = "height", .kind = FIELD_INT, .help = "Pixels."},
         {.name = "slots", .kind = FIELD_INT, .help = "Frames that it holds."}}},
    [MESSAGE_CHANGED] = {
        "changed", MESSAGE_EVENT, "An edit was made; for those that watch all jobs, or that one.",
        {{.name = "clip", .kind = FIELD_INT, .help = "The clip; 0 = any."},
         {.name = "what", .kind = FIELD_TEXT, .help = "As in edit."}}},
    [MESSAGE_LOST] = {
        "lost", MESSAGE_EVENT, "This client was too slow: events were dropped. Replies and state "
        "never are.",
        {{.name = "events", .kind = FIELD_INT, .help = "How many since the last one that came."}}},
};
/* clang-format on */
