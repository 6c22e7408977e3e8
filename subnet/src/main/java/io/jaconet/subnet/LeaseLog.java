package io.jaconet.subnet;

import com.google.common.collect.ImmutableSet;
import com.google.common.hash.Hashing;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.jaconet.internal.AtomicFile;
import io.jaconet.internal.Printable;
import io.jaconet.subnet.RecordTable.Change;
import io.jaconet.subnet.RecordTable.Removal;
import io.jaconet.subnet.RecordTable.Row;
import io.jaconet.subnet.RecordTable.Write;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A table in a file: a line for each change, with a checksum before it. A change counts once its line is on the disk as a whole. When most
 * lines are history, the file is replaced by one that has a line for each record.
 *
 * <p>A line that lacks its end was being written when the process died, and nobody was told that it had succeeded: it is cut off, and kept
 * beside the file. Any other line that is not as it was written means that the file was damaged from outside. It is not read then.
 */
final class LeaseLog implements Journal {
  private static final Logger log = LoggerFactory.getLogger(LeaseLog.class);
  private static final String FORMAT = "jaconet-leases-1";
  private static final ImmutableSet<PosixFilePermission> MODE =
      ImmutableSet.copyOf(PosixFilePermissions.fromString("rw-r-----"));
  private static final int CHECKSUM_CHARS = 8;
  private static final int MAX_BYTES = 256 << 20;

  private final Path file;
  private final int slackLines;
  private FileChannel channel;
  private long length;
  private long lines;
  private @Nullable IOException broken;

  private LeaseLog(Path file, int slackLines, FileChannel channel, long length, long lines) {
    this.file = file;
    this.slackLines = slackLines;
    this.channel = channel;
    this.length = length;
    this.lines = lines;
  }

  /**
   * Reads {@code file} into the empty {@code table}, or creates it.
   *
   * @param slackLines how many lines beyond twice the number of records the file may have before it is replaced
   * @throws IOException if the file cannot be read as a whole; it is left as it is
   */
  static LeaseLog open(Path file, RecordTable table, int slackLines) throws IOException {
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      replace(file, line(header(table)));
    }
    var content = read(file);
    long lines = new Reader(file, table).read(content);
    int complete = content.lastIndexOf('\n') + 1;
    var channel = openChannel(file);
    try {
      if (complete < content.length()) {
        cutTornLine(file, channel, content.substring(complete), complete);
      }
      return new LeaseLog(file, slackLines, channel, complete, lines);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static FileChannel openChannel(Path file) throws IOException {
    // For both, so that opening does not wait if it became a pipe meanwhile.
    return FileChannel.open(
        file,
        ImmutableSet.of(
            StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
  }

  private static String read(Path file) throws IOException {
    long size = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .size();
    if (size > MAX_BYTES) {
      throw new IOException(file + " has " + size + " bytes, a lease store has at most " + MAX_BYTES
          + startAnew(file));
    }
    try {
      return new String(AtomicFile.read(file, MAX_BYTES), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new IOException(e.getMessage() + startAnew(file), e);
    }
  }

  private static void cutTornLine(Path file, FileChannel channel, String torn, long complete)
      throws IOException {
    var kept = file.resolveSibling(file.getFileName() + ".torn");
    replace(kept, torn);
    channel.truncate(complete);
    channel.force(true);
    log.warn(
        "Cut {} bytes off the end of {}, a write that never finished; they are in {}",
        torn.length(),
        file,
        kept);
  }

  private static String startAnew(Path file) {
    return "; nothing was changed. To start without leases, move it away (mv " + file + " " + file
        + ".damaged); running hosts get new subnets then";
  }

  @Override
  public void append(Change change, RecordTable table) throws IOException {
    if (broken != null) {
      throw new IOException(file + " cannot be written any more: " + broken.getMessage(), broken);
    }
    if (lines > 2L * table.rows().size() + slackLines) {
      compact(table);
    }
    var bytes = line(json(change)).getBytes(StandardCharsets.US_ASCII);
    if (length + bytes.length > MAX_BYTES) {
      throw new IOException(file + " is full: it may have " + MAX_BYTES + " bytes");
    }
    try {
      var buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer, length + buffer.position());
      }
      channel.force(false);
    } catch (IOException e) {
      undoAppend(e);
      throw e;
    }
    length += bytes.length;
    lines++;
  }

  /** Removes what a failed write left. If that fails, too, the file's end is unknown and nothing may be added to it. */
  private void undoAppend(IOException cause) {
    try {
      channel.truncate(length);
      channel.force(true);
    } catch (IOException e) {
      cause.addSuppressed(e);
      broken = cause;
    }
  }

  private void compact(RecordTable table) throws IOException {
    var content = new StringBuilder(line(header(table)));
    for (var row : table.rows()) {
      content.append(line(json(new Write(row))));
    }
    replace(file, content.toString());
    var replaced = channel;
    channel = openChannel(file);
    length = content.length();
    lines = 1L + table.rows().size();
    replaced.close();
  }

  private static void replace(Path file, String content) throws IOException {
    AtomicFile.replace(file, content.getBytes(StandardCharsets.ISO_8859_1), MODE);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private static JsonObject header(RecordTable table) {
    var json = new JsonObject();
    json.addProperty("format", FORMAT);
    json.addProperty("revision", table.revision());
    return json;
  }

  private static JsonObject json(Change change) {
    var json = new JsonObject();
    if (change instanceof Write write) {
      var row = write.row();
      json.addProperty("put", row.key());
      json.addProperty("value", row.value());
      if (row.holder() != null) {
        json.addProperty("holder", row.holder());
      }
      json.addProperty("created", row.created());
      if (row.deadlineNanos() != RecordTable.NEVER) {
        json.addProperty("deadline", row.deadlineNanos());
      }
    } else if (change instanceof Removal removal) {
      json.addProperty("delete", removal.key());
    }
    json.addProperty("revision", change.revision());
    return json;
  }

  private static String line(JsonObject json) {
    var text = ascii(json.toString());
    return checksum(text) + " " + text + "\n";
  }

  /** Returns {@code json} with everything beyond ASCII escaped, so that even text that is no valid Unicode survives. */
  private static String ascii(String json) {
    var ascii = new StringBuilder(json.length());
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      if (c < 0x7f) {
        ascii.append(c);
      } else {
        ascii.append(String.format("\\u%04x", (int) c));
      }
    }
    return ascii.toString();
  }

  private static String checksum(String text) {
    return Hashing.crc32c().hashString(text, StandardCharsets.ISO_8859_1).toString();
  }

  /** Reads lines into a table. */
  private static final class Reader {
    private final Path file;
    private final RecordTable table;
    private long lines;

    Reader(Path file, RecordTable table) {
      this.file = file;
      this.table = table;
    }

    long read(String content) throws IOException {
      for (int start = 0, end = content.indexOf('\n');
          end >= 0;
          start = end + 1, end = content.indexOf('\n', start)) {
        lines++;
        try {
          apply(checked(content.substring(start, end)));
        } catch (JsonParseException
            | IllegalArgumentException
            | IllegalStateException
            | UnsupportedOperationException
            | NullPointerException e) {
          throw damaged(String.valueOf(e.getMessage()));
        }
      }
      if (lines == 0) {
        throw damaged("it has no header");
      }
      return lines;
    }

    private JsonObject checked(String line) throws IOException {
      if (line.length() <= CHECKSUM_CHARS
          || !line.startsWith(checksum(line.substring(CHECKSUM_CHARS + 1)) + " ")) {
        throw damaged("the checksum does not match");
      }
      return JsonParser.parseString(line.substring(CHECKSUM_CHARS + 1)).getAsJsonObject();
    }

    private void apply(JsonObject json) throws IOException {
      long revision = json.get("revision").getAsLong();
      if (lines == 1) {
        if (!json.has("format") || !json.get("format").getAsString().equals(FORMAT)) {
          throw damaged("it is not of the format " + FORMAT);
        }
        table.restoreRevision(revision);
      } else if (json.has("delete")) {
        table.apply(new Removal(json.get("delete").getAsString(), revision));
      } else {
        table.restore(row(json, revision));
      }
    }

    private static Row row(JsonObject json, long revision) {
      return new Row(
          json.get("put").getAsString(),
          json.get("value").getAsString(),
          json.has("holder") ? json.get("holder").getAsString() : null,
          json.get("created").getAsLong(),
          revision,
          json.has("deadline") ? json.get("deadline").getAsLong() : RecordTable.NEVER);
    }

    private IOException damaged(String reason) {
      return new IOException(file + " is damaged in line " + Math.max(1, lines) + ": "
          + Printable.of(reason) + startAnew(file));
    }
  }
}
