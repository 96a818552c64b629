"""Stand-in for `slicer.i18n`: there are no translations here."""


def translate(context, text):
    return text


def tr(text):
    return text
