package io.jaconet.overlay;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.util.regex.Pattern;

/** Reads JSON as RFC 8259 has it, of limited size and depth. Where a name stands twice in an object, the last one counts. */
final class StrictJson {
  private static final int MAX_DEPTH = 64;
  private static final Pattern PLACE = Pattern.compile("at line [0-9]+ column [0-9]+");

  private StrictJson() {}

  /**
   * Parses {@code text}; numbers keep their digits.
   *
   * @param what the name of the text for messages
   * @throws IllegalArgumentException if it is too long, nested too deep, or no JSON; the message says where
   */
  static JsonElement parse(String what, String text, int maxChars) {
    if (text.length() > maxChars) {
      throw new IllegalArgumentException(
          what + " has " + text.length() + " characters; at most " + maxChars + " are read");
    }
    // JsonReader would skip it, flannel refuses it.
    if (text.startsWith("\ufeff")) {
      throw new IllegalArgumentException(
          what + " begins with a byte order mark; it must be plain JSON, such as {}");
    }
    try (var reader = reader(text)) {
      var element = read(what, reader, MAX_DEPTH);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new IOException("more than one value");
      }
      return element;
    } catch (IOException | JsonParseException e) {
      throw new IllegalArgumentException(
          what + " is not JSON " + place(e) + "; it must be an object, such as {}");
    }
  }

  private static JsonReader reader(String text) {
    var reader = new JsonReader(new StringReader(text));
    reader.setStrictness(Strictness.STRICT);
    return reader;
  }

  /** Returns where {@code e}, thrown by a reader, found fault. The rest of Gson's message repeats names of the input. */
  private static String place(Exception e) {
    var matcher = PLACE.matcher(String.valueOf(e.getMessage()));
    return matcher.find() ? matcher.group() : "after its end";
  }

  private static JsonElement read(String what, JsonReader reader, int depth) throws IOException {
    if (depth < 0) {
      throw new IllegalArgumentException(
          what + " is nested more than " + MAX_DEPTH + " levels deep");
    }
    var token = reader.peek();
    if (token == JsonToken.BEGIN_ARRAY) {
      var array = new JsonArray();
      reader.beginArray();
      while (reader.hasNext()) {
        array.add(read(what, reader, depth - 1));
      }
      reader.endArray();
      return array;
    }
    if (token == JsonToken.BEGIN_OBJECT) {
      var object = new JsonObject();
      reader.beginObject();
      while (reader.hasNext()) {
        String name = reader.nextName();
        // Names that differ in case alone are one name to flannel, so the order of the last
        // occurrences matters.
        object.remove(name);
        object.add(name, read(what, reader, depth - 1));
      }
      reader.endObject();
      return object;
    }
    return JsonParser.parseReader(reader);
  }
}
