package io.jaconet.subnet.kubernetes;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.MalformedJsonException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A change that a watch tells of, of the type ADDED, MODIFIED, DELETED, BOOKMARK or ERROR. */
record WatchEvent(String type, ApiObject object) {

  /**
   * Reads an event.
   *
   * @param wanted which annotations are kept
   * @throws MalformedJsonException if it is none
   */
  static WatchEvent read(byte[] line, Predicate<String> wanted) throws MalformedJsonException {
    var type = "";
    @Nullable ApiObject object = null;
    try (var json = new JsonReader(new InputStreamReader(new ByteArrayInputStream(line), UTF_8))) {
      json.beginObject();
      while (json.hasNext()) {
        switch (json.nextName()) {
          case "type" -> type = json.nextString();
          case "object" -> object = ApiObject.read(json, wanted, node -> {});
          default -> json.skipValue();
        }
      }
      json.endObject();
    } catch (MalformedJsonException e) {
      throw e;
    } catch (IOException | IllegalStateException e) {
      throw new MalformedJsonException("an event that is no JSON", e);
    }
    if (object == null) {
      throw new MalformedJsonException("an event about nothing");
    }
    return new WatchEvent(type, object);
  }
}
