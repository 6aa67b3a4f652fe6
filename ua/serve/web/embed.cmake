# Writes the files of the web page as C arrays: cmake -DOUT=x.c -DIN=a;b -P embed.cmake
file(WRITE ${OUT}.new "/* Made by ua/serve/web/embed.cmake. */\n#include <serve/web.h>\n\n")
foreach(name page.html style.css script.js)
  file(READ ${IN}/${name} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1, " octets "${hex}")
  string(REGEX REPLACE "[.]" "_" symbol ${name})
  file(APPEND ${OUT}.new "const char web_${symbol}[] = {${octets}0};\n")
endforeach()
file(RENAME ${OUT}.new ${OUT})
